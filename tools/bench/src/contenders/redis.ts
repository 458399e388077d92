import { Redis } from 'ioredis'
import type { Contender } from '../contender.ts'

export const redis: Contender = {
  name: 'redis',
  server: 'redis',
  packages: ['ioredis'],

  async pubsub(url) {
    const client = new Redis(url, { enableAutoPipelining: true })
    let last: Promise<unknown> = Promise.resolve()
    return {
      publish(payload) {
        last = client.publish('bench', payload as Buffer)
      },
      flush: () => last.then(() => undefined),
      async subscribe(onMessage) {
        client.on('messageBuffer', (_channel: Buffer, payload: Buffer) => onMessage(payload))
        await client.subscribe('bench')
      },
      async close() {
        client.disconnect()
      },
    }
  },
}
