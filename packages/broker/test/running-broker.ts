import { afterEach } from 'vitest'
import { type Broker, type BrokerOptions, connect, createBroker } from '@aether/broker'
import type { Client } from '@aether/wire'
import { RawClient } from './raw-client.ts'

/** Brokers and raw clients of one test file; whatever a test leaves open is closed after it. */
export function brokers(): {
  start(options?: BrokerOptions): Promise<Broker>
  raw(broker: Broker, client?: string): Promise<RawClient>
  client(broker: Broker): Promise<Client>
} {
  const running: Broker[] = []
  const clients: RawClient[] = []
  const sessions: Client[] = []
  afterEach(async () => {
    for (const client of clients.splice(0)) client.close()
    await Promise.all(sessions.splice(0).map((session) => session.close()))
    await Promise.all(running.splice(0).map((broker) => broker.close({ signal: AbortSignal.abort() })))
  })
  return {
    async start(options = {}) {
      const broker = createBroker({ port: 0, ...options })
      running.push(broker)
      await broker.start()
      return broker
    },
    async raw(broker, client) {
      const raw = await RawClient.greeted(broker.address, client)
      clients.push(raw)
      return raw
    },
    async client(broker) {
      const session = await connect(broker.url)
      sessions.push(session)
      return session
    },
  }
}

/** Resolves when `isTrue` does not fail any more; the test's own timeout bounds it. */
export async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await new Promise((resolve) => setTimeout(resolve, 2))
}
