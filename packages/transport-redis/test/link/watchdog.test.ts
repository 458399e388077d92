import type { Command, Redis } from 'ioredis'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { afterEach, expect, test, vi } from 'vitest'
import type { Session } from '../../src/link/session.ts'
import { Watchdog } from '../../src/link/watchdog.ts'

const keepAliveMs = 20
let watchdog: Watchdog | undefined
afterEach(() => watchdog?.stop())

/** What was asked, and which connections were found silent, of a session of one connection that does with a question what the test says. */
function watch(onAsked: (command: Command) => void): {
  readonly asked: readonly Command[]
  readonly silent: readonly Redis[]
} {
  const asked: Command[] = []
  const silent: Redis[] = []
  const sendCommand = (command: Command): void => {
    asked.push(command)
    onAsked(command)
  }
  const redis = { status: 'ready', sendCommand } as unknown as Redis
  const onSilent = (one: Redis): void => void silent.push(one)
  watchdog = new Watchdog(keepAliveMs, { watched: () => [redis], onSilent } as unknown as Session)
  return { asked, silent }
}

/** Nothing else happens in this process meanwhile. */
function block(durationMs: number): void {
  const end = performance.now() + durationMs
  while (performance.now() < end);
}

test('a connection that does not answer is silent', async () => {
  const { asked, silent } = watch(() => undefined)
  await vi.waitUntil(() => silent.length > 0)
  expect(asked.length).toBeLessThanOrEqual(2)
})

test('a process that stood still reads what has come meanwhile before it finds anybody silent', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const near = connect((server.address() as AddressInfo).port, '127.0.0.1')
  const [far] = (await once(server, 'connection')) as [Socket]
  const { asked, silent } = watch((command) => {
    near.once('data', () => command.resolve('PONG'))
    // As a handler does that works for long after it was called with what was read.
    setImmediate(() => {
      far.write('PONG')
      block(keepAliveMs * 3)
    })
  })
  await vi.waitUntil(() => asked.length >= 5)
  expect(silent).toEqual([])
  for (const socket of [near, far]) socket.destroy()
  server.close()
})
