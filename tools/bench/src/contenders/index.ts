import type { Contender } from '../contender.ts'

/** Each contender loads its client only in the processes that need it. */
export async function loadContender(name: string): Promise<Contender> {
  switch (name) {
    case 'ours':
      return (await import('./aether.ts')).aether
    case 'nats':
      return (await import('./nats.ts')).nats
    case 'mosquitto':
      return (await import('./mqtt.ts')).mosquitto
    case 'aedes':
      return (await import('./mqtt.ts')).aedes
    case 'redis':
      return (await import('./redis.ts')).redis
    case 'moleculer':
      return (await import('./moleculer.ts')).moleculer
    case 'bullmq':
      return (await import('./bullmq.ts')).bullmq
    default:
      throw new Error(`unknown contender ${name}`)
  }
}
