import { leasedCapabilities, type LeasedCapabilities } from '@aether/core'

/** What MQTT itself can do for the lease layer. */
export interface MqttRelayCapabilities {
  readonly groups: true
  readonly maxPayloadBytes: number
}

/** What the MQTT transport can do, each value in its type. */
export type MqttCapabilities = LeasedCapabilities<MqttRelayCapabilities>

/** With the default payload limit; see `MqttOptions.maxPayloadBytes`. */
export const mqttCapabilities: MqttCapabilities = leasedCapabilities<MqttRelayCapabilities>({
  groups: true,
  maxPayloadBytes: 1_048_576,
})
