import { leased, type LeasedTransport } from '@aether/core'
import type { MqttRelayCapabilities } from './capabilities.ts'
import { type MqttOptions, mqttSettings } from './options.ts'
import { MqttRelay } from './relay/mqtt-relay.ts'

/** What `mqtt` makes. */
export interface MqttTransport extends LeasedTransport<MqttRelayCapabilities> {
  /** Messages on our topics that were none of ours or could not be read; the first is logged. */
  readonly ignoredMessages: number
}

/**
 * The transport over any MQTT broker: at least once, redelivered by the lease layer of core. Not durable: the process that performs a task is its queue.
 * Connects at `start`. Throws `ERR_AETHER_OPTIONS_INVALID`.
 *
 * @example
 * const aether = createAether({ union: 'shop', transport: mqtt({ url: 'mqtt://127.0.0.1:1883' }) })
 */
export function mqtt(options: MqttOptions): MqttTransport {
  const settings = mqttSettings(options)
  const relay = new MqttRelay(settings)
  const transport = leased(relay, settings.lease)
  return Object.defineProperty(transport, 'ignoredMessages', {
    enumerable: true,
    get: () => relay.ignoredMessages,
  }) as MqttTransport
}
