export { mqttCapabilities, type MqttCapabilities, type MqttRelayCapabilities } from './capabilities.ts'
export { mqtt, type MqttTransport } from './mqtt.ts'
export type { MqttOptions, MqttTlsOptions } from './options.ts'
