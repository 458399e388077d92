import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { execPath } from 'node:process'
import { fileURLToPath } from 'node:url'
import { type MosquittoServer, startMosquitto } from '@aether/services'
import { afterAll, beforeAll, expect, it } from 'vitest'

let server: MosquittoServer

beforeAll(async () => {
  server = await startMosquitto()
})
afterAll(() => server.close())

it('the example of the README prints what it says', async () => {
  const file = fileURLToPath(new URL('../examples/mqtt.ts', import.meta.url))
  const child = spawn(execPath, ['--conditions=@aether/source', '--import', 'tsx', file, server.url])
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += String(chunk)))
  const [code] = (await once(child, 'close')) as [number]
  expect(output).toBe('hello, world\n')
  expect(code).toBe(0)
})
