import type { Contender } from '../contender.ts'
import { openTransport } from '../transports.ts'
import { tasks } from './aether-tasks.ts'

/** The same tasks over servers that others make. */
function over(name: string, server: Contender['server'], packages: readonly string[]): Contender {
  return {
    name,
    server,
    packages: ['@aether/core', ...packages],
    tasks: async (url, _seat, concurrency) => tasks(await openTransport(name, url), concurrency),
  }
}

const redisPackages = ['@aether/transport-redis', 'ioredis']

export const aetherRedisStreams: Contender = over('aether-redis-streams', 'redis', redisPackages)
export const aetherRedisPubsub: Contender = over('aether-redis-pubsub', 'redis', redisPackages)
export const aetherMqtt: Contender = over('aether-mqtt', 'mosquitto', ['@aether/transport-mqtt', 'mqtt'])
