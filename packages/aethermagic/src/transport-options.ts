import type { Transport } from '@aether/core'
import type { ConnectionConfig, RedisMode } from './connection-config.ts'
import type { ProtocolType } from './protocol-type.ts'

/** What the options of the Python library mean to a transport of Aether. */
export interface TransportOptions {
  readonly url: string
  readonly username?: string
  readonly password?: string
  /** From `timeout`. */
  readonly connectTimeoutMs?: number
  /** From `keepalive`. */
  readonly keepAliveMs?: number
  /** Redis alone. */
  readonly mode?: RedisMode
  /** Redis alone, from `consumer_name`. */
  readonly consumerName?: string
  /** MQTT alone: workers and callers in Python take part. */
  readonly interop?: 'aethermagic'
}

/**
 * Makes the transport: `mqtt` of `@aether/transport-mqtt`, `redis` of `@aether/transport-redis`, or a function around one of them that adds options of its own. Called
 * once at construction, and once more for each new attempt after one that failed for good.
 */
export type TransportFactory = (options: TransportOptions) => Transport

/** Factories by protocol. */
export type TransportFactories = { readonly [P in ProtocolType]?: TransportFactory }

const schemes: Readonly<Record<ProtocolType, readonly [plain: string, encrypted: string]>> = {
  mqtt: ['mqtt', 'mqtts'],
  redis: ['redis', 'rediss'],
  http: ['ws', 'wss'],
  websocket: ['ws', 'wss'],
  zeromq: ['tcp', 'tls'],
  rabbitmq: ['amqp', 'amqps'],
}

export function transportOptions(config: ConnectionConfig): TransportOptions {
  const { protocol_type, username, password, timeout, keepalive, redis_mode, consumer_name } = config
  return {
    url: urlOf(config),
    ...(username === '' ? {} : { username }),
    ...(password === '' ? {} : { password }),
    ...(timeout === undefined ? {} : { connectTimeoutMs: Math.ceil(timeout * 1_000) }),
    ...(keepalive === undefined ? {} : { keepAliveMs: Math.ceil(keepalive * 1_000) }),
    ...(redis_mode === undefined ? {} : { mode: redis_mode }),
    ...(consumer_name === undefined ? {} : { consumerName: consumer_name }),
    ...(protocol_type === 'mqtt' ? { interop: 'aethermagic' as const } : {}),
  }
}

function urlOf({ protocol_type, host, port, ssl }: ConnectionConfig): string {
  const scheme = schemes[protocol_type][ssl ? 1 : 0]
  return `${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}`
}

/** Whether a task waits for a worker that is not there yet: where Python's engine keeps it. Elsewhere Python loses it without a word, and `perform` rejects here. */
export function keepsTasks({ protocol_type, redis_mode }: ConnectionConfig): boolean {
  return protocol_type === 'rabbitmq' || (protocol_type === 'redis' && redis_mode !== 'pubsub')
}
