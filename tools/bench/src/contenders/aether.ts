import type { Client } from '@aether/wire'
import { connect } from '@aether/wire/tcp'
import type { Contender } from '../contender.ts'
import { openTransport } from '../transports.ts'

export const aether: Contender = {
  name: 'aether',
  server: 'aether',
  packages: ['@aether/broker', '@aether/core'],

  async pubsub(url) {
    const client = await connect(url)
    return {
      publish: (payload) => void client.publish('bench/topic', payload),
      flush: () => client.flush(),
      async subscribe(onMessage) {
        await client.subscribe('bench/topic', { onMessage: (message) => onMessage(message.payload) })
      },
      close: () => client.close(),
    }
  },

  async rpc(url) {
    const client = await connect(url)
    return {
      request: async (payload) => (await client.request('bench/echo', payload)).payload,
      async serve() {
        await client.serve('bench/echo', (request) => request.payload, { concurrency: 1024 })
      },
      close: () => client.close(),
    }
  },

  async tasks(url, _seat, concurrency) {
    return (await import('./aether-tasks.ts')).tasks(await openTransport('aether', url), concurrency)
  },

  async idle(url, count) {
    const clients: Client[] = []
    for (let opened = 0; opened < count; opened += 100) {
      const batch = Array.from({ length: Math.min(100, count - opened) }, () => connect(url))
      clients.push(...(await Promise.all(batch)))
    }
    return async () => {
      await Promise.all(clients.map((client) => client.close()))
    }
  },
}
