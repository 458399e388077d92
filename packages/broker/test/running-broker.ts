import { afterEach } from 'vitest'
import { type Broker, type BrokerOptions, createBroker } from '@aether/broker'
import { RawClient } from './raw-client.ts'

/** Brokers and raw clients of one test file; whatever a test leaves open is closed after it. */
export function brokers(): {
  start(options?: BrokerOptions): Promise<Broker>
  raw(broker: Broker, client?: string): Promise<RawClient>
} {
  const running: Broker[] = []
  const clients: RawClient[] = []
  afterEach(async () => {
    for (const client of clients.splice(0)) client.close()
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
  }
}

/** Resolves when `isTrue` does not fail any more; the test's own timeout bounds it. */
export async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await new Promise((resolve) => setTimeout(resolve, 2))
}
