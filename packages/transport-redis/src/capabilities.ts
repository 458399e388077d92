import type { Capabilities } from '@aether/core'

/** Mode `streams`, each value in its type. */
export interface RedisStreamsCapabilities extends Capabilities {
  readonly delivery: 'at-least-once'
  readonly redelivery: 'native'
  readonly durable: true
  readonly groups: true
  readonly delay: true
  readonly priority: false
  readonly deadLetter: true
  readonly results: true
  readonly ordering: true
}

/** Mode `lists`, each value in its type. */
export interface RedisListsCapabilities extends Capabilities {
  readonly delivery: 'at-least-once'
  readonly redelivery: 'native'
  readonly durable: true
  readonly groups: true
  readonly delay: true
  readonly priority: false
  readonly deadLetter: true
  readonly results: true
  readonly ordering: true
}

/** Mode `pubsub`, each value in its type. */
export interface RedisPubsubCapabilities extends Capabilities {
  readonly delivery: 'at-most-once'
  readonly redelivery: 'none'
  readonly durable: false
  readonly groups: true
  readonly delay: true
  readonly priority: false
  readonly deadLetter: false
  readonly results: false
  readonly ordering: false
}

const kept = {
  delivery: 'at-least-once',
  redelivery: 'native',
  durable: true,
  groups: true,
  delay: true,
  priority: false,
  deadLetter: true,
  results: true,
  ordering: true,
  maxPayloadBytes: 1_048_576,
} as const

/** With the default of `maxPayloadBytes`. `durable` is as good as the server's own persistence. */
export const redisStreamsCapabilities: RedisStreamsCapabilities = { ...kept }

/** With the default of `maxPayloadBytes`. `durable` is as good as the server's own persistence. */
export const redisListsCapabilities: RedisListsCapabilities = { ...kept }

/** With the default of `maxPayloadBytes`. */
export const redisPubsubCapabilities: RedisPubsubCapabilities = {
  delivery: 'at-most-once',
  redelivery: 'none',
  durable: false,
  groups: true,
  delay: true,
  priority: false,
  deadLetter: false,
  results: false,
  ordering: false,
  maxPayloadBytes: 1_048_576,
}
