import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { execPath } from 'node:process'
import { fileURLToPath } from 'node:url'
import { type Broker, createBroker } from '@aether/broker'
import { afterAll, beforeAll, expect, it } from 'vitest'

let broker: Broker

beforeAll(async () => {
  broker = createBroker({ port: 0 })
  await broker.start()
})
afterAll(() => broker.close({ signal: AbortSignal.abort() }))

// That of the wire is run here, where there is a broker: a broker among the wire's own dependencies would be a circle.
it.each([
  ['../examples/tcp.ts', 'hello, world\n'],
  ['../../wire/examples/chat.ts', 'orders/42 two pizzas high\n15 EUR\n'],
])('%s prints what its README says', async (example, expected) => {
  const file = fileURLToPath(new URL(example, import.meta.url))
  const child = spawn(execPath, ['--conditions=@aether/source', '--import', 'tsx', file, broker.url])
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += String(chunk)))
  const [code] = (await once(child, 'close')) as [number]
  expect(output).toBe(expected)
  expect(code).toBe(0)
})
