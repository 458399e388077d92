import { startRedis, type RedisServer } from '@aether/services'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { execPath } from 'node:process'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, it } from 'vitest'

/** A busy machine starts processes slowly. */
const patienceMs = 60_000

let server: RedisServer
beforeAll(async () => {
  server = await startRedis()
})
afterAll(() => server.close())

it.each([
  ['redis.ts', 'hello, world\n'],
  ['injected-client.ts', '144\nPONG\n'],
])(
  '%s prints what its README says',
  async (example, expected) => {
    const file = fileURLToPath(new URL(`../examples/${example}`, import.meta.url))
    // One that never ends is not left behind.
    const child = spawn(execPath, ['--conditions=@aether/source', '--import', 'tsx', file, server.url], {
      timeout: patienceMs,
      killSignal: 'SIGKILL',
    })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += String(chunk)))
    const [code] = (await once(child, 'close')) as [number]
    expect(output).toBe(expected)
    expect(code).toBe(0)
  },
  2 * patienceMs,
)
