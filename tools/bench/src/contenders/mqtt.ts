import { connectAsync, type MqttClient } from 'mqtt'
import type { Contender, PubSubClient } from '../contender.ts'

async function pubsub(url: string): Promise<PubSubClient> {
  const client: MqttClient = await connectAsync(url, { protocolVersion: 4, queueQoSZero: false })
  let last: Promise<unknown> = Promise.resolve()
  let pending: Uint8Array | undefined
  return {
    publish(payload) {
      if (pending !== undefined) client.publish('bench/topic', pending as Buffer, { qos: 0 })
      pending = payload
    },
    // QoS 0 has no barrier: the last message of a window is awaited until the socket has taken it.
    flush() {
      if (pending !== undefined) last = client.publishAsync('bench/topic', pending as Buffer, { qos: 0 })
      pending = undefined
      return last.then(() => undefined)
    },
    async subscribe(onMessage) {
      client.on('message', (_topic, payload) => onMessage(payload))
      await client.subscribeAsync('bench/topic', { qos: 0 })
    },
    close: () => client.endAsync(),
  }
}

export const mosquitto: Contender = { name: 'mosquitto', server: 'mosquitto', packages: ['mqtt'], pubsub }
export const aedes: Contender = { name: 'aedes', server: 'aedes', packages: ['aedes', 'mqtt'], pubsub }
