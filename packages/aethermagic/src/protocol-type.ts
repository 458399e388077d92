/** The protocols of the Python library, by its names: `ProtocolType.REDIS`, or plainly `'redis'`. */
export const ProtocolType = {
  MQTT: 'mqtt',
  REDIS: 'redis',
  HTTP: 'http',
  WEBSOCKET: 'websocket',
  ZEROMQ: 'zeromq',
  RABBITMQ: 'rabbitmq',
} as const

export type ProtocolType = (typeof ProtocolType)[keyof typeof ProtocolType]

const protocols: ReadonlySet<unknown> = new Set(Object.values(ProtocolType))

export function isProtocolType(value: unknown): value is ProtocolType {
  return protocols.has(value)
}
