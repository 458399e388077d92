import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { execPath } from 'node:process'
import { fileURLToPath } from 'node:url'
import { type MosquittoServer, startMosquitto } from '@aether/services'
import { afterAll, beforeAll, expect, it } from 'vitest'

/** A busy machine starts processes slowly. */
const patienceMs = 60_000

let server: MosquittoServer

beforeAll(async () => {
  server = await startMosquitto()
})
afterAll(() => server.close())

it(
  'the example of the README prints what it says',
  async () => {
    const file = fileURLToPath(new URL('../examples/mqtt.ts', import.meta.url))
    // One that never ends is not left behind.
    const child = spawn(execPath, ['--conditions=@aether/source', '--import', 'tsx', file, server.url], {
      timeout: patienceMs,
      killSignal: 'SIGKILL',
    })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += String(chunk)))
    const [code] = (await once(child, 'close')) as [number]
    expect(output).toBe('hello, world\n')
    expect(code).toBe(0)
  },
  2 * patienceMs,
)
