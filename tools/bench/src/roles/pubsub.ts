import { adapter, type RoleFactory, type RoundResult } from './role.ts'
import { isStamped, stamp } from './payload.ts'

/** Publishes as fast as the server takes it: two windows under way, so that the barrier's round trip hides behind the next window. */
export const publisher: RoleFactory = async (contender, spec) => {
  const client = await adapter(contender, 'pubsub')(spec.url)
  return {
    async round({ count, size, inFlight: window }) {
      // A buffer is used again only when its window and the next have left, whatever the client keeps.
      const ring = Array.from({ length: window * 3 }, () => Buffer.alloc(size))
      let previous: Promise<void> = Promise.resolve()
      for (let sequence = 0; sequence < count;) {
        const end = Math.min(sequence + window, count)
        for (; sequence < end; sequence++) {
          const payload = ring[sequence % ring.length] as Buffer
          stamp(payload, sequence)
          client.publish(payload)
        }
        const flushed = client.flush()
        await previous
        previous = flushed
      }
      await previous
      return { verified: 0 }
    },
    close: () => client.close(),
  }
}

/** Holds `width` connections with one subscription each, and checks order, length and content of every message. */
export const subscriber: RoleFactory = async (contender, spec) => {
  let expected = { count: 0, size: 0 }
  let left = 0
  let finish: (result: RoundResult) => void = () => undefined
  let fail: (error: Error) => void = () => undefined
  const clients = await Promise.all(
    Array.from({ length: spec.width }, () => adapter(contender, 'pubsub')(spec.url)),
  )
  const seen = new Array<number>(spec.width).fill(0)
  const onMessage = (seat: number, payload: Uint8Array): void => {
    const sequence = seen[seat] as number
    if (!isStamped(payload, sequence, expected.size))
      fail(new Error(`message ${sequence} came wrong or out of order at subscriber ${seat}`))
    seen[seat] = sequence + 1
    if (sequence + 1 === expected.count && --left === 0) finish({ verified: expected.count * spec.width })
  }
  await Promise.all(clients.map((client, seat) => client.subscribe((payload) => onMessage(seat, payload))))
  return {
    round({ count, size }) {
      expected = { count, size }
      left = spec.width
      seen.fill(0)
      return new Promise((resolve, reject) => {
        finish = resolve
        fail = reject
      })
    },
    async close() {
      await Promise.all(clients.map((client) => client.close()))
    },
  }
}
