export {
  redisListsCapabilities,
  type RedisListsCapabilities,
  redisPubsubCapabilities,
  type RedisPubsubCapabilities,
  redisStreamsCapabilities,
  type RedisStreamsCapabilities,
} from './capabilities.ts'
export type { RedisAddress, RedisMode, RedisOptions } from './options.ts'
export type { QueueDeadLetter as RedisDeadLetter } from './queue/dead-letter.ts'
export type { QueueTransport as RedisQueueTransport } from './queue/queue-transport.ts'
export { redis } from './redis.ts'
