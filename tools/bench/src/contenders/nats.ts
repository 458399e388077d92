import { connect } from '@nats-io/transport-node'
import type { Contender } from '../contender.ts'

export const nats: Contender = {
  name: 'nats',
  server: 'nats',
  packages: ['@nats-io/transport-node'],

  async pubsub(url) {
    const connection = await connect({ servers: url })
    return {
      publish: (payload) => connection.publish('bench.topic', payload),
      flush: () => connection.flush(),
      async subscribe(onMessage) {
        connection.subscribe('bench.topic', { callback: (_error, message) => onMessage(message.data) })
        await connection.flush()
      },
      close: () => connection.close(),
    }
  },

  async rpc(url) {
    // The mux subscription of `request` is the client's own fast way; noMux would open one subscription a call.
    const connection = await connect({ servers: url })
    return {
      request: async (payload) => (await connection.request('bench.echo', payload, { timeout: 10_000 })).data,
      async serve() {
        connection.subscribe('bench.echo', {
          callback: (_error, message) => void message.respond(message.data),
        })
        await connection.flush()
      },
      close: () => connection.close(),
    }
  },
}
