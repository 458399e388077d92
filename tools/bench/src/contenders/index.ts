import { picked, sizes } from '../balancer/scenarios.ts'
import type { Contender } from '../contender.ts'

/** Each contender loads its client only in the processes that need it. */
const contenders: Readonly<Record<string, () => Promise<Contender>>> = {
  aether: async () => (await import('./aether.ts')).aether,
  'aether-redis-streams': async () => (await import('./aether-over.ts')).aetherRedisStreams,
  'aether-redis-pubsub': async () => (await import('./aether-over.ts')).aetherRedisPubsub,
  'aether-mqtt': async () => (await import('./aether-over.ts')).aetherMqtt,
  nats: async () => (await import('./nats.ts')).nats,
  mosquitto: async () => (await import('./mqtt.ts')).mosquitto,
  aedes: async () => (await import('./mqtt.ts')).aedes,
  redis: async () => (await import('./redis.ts')).redis,
  bullmq: async () => (await import('./bullmq.ts')).bullmq,
  moleculer: async () => (await import('./moleculer.ts')).moleculer,
  'moleculer-redis': async () => (await import('./moleculer.ts')).moleculerRedis,
  'moleculer-mqtt': async () => (await import('./moleculer.ts')).moleculerMqtt,
  'moleculer-mqtt-qos1': async () => (await import('./moleculer.ts')).moleculerMqttQos1,
  'lb-route': async () => (await import('./lb.ts')).lbRoute,
  opossum: async () => (await import('./opossum.ts')).opossum,
  ...Object.fromEntries(sizes.flatMap(ofSize)),
}

/** Those that choose among so many backends. */
function ofSize(size: number): readonly (readonly [string, () => Promise<Contender>])[] {
  return [
    [`balanced-pool-${size}`, async () => (await import('./undici.ts')).balancedPool(size)],
    ...picked.map(
      ({ algorithm }) =>
        [`lb-${algorithm}-${size}`, async () => (await import('./lb.ts')).lbPick(algorithm, size)] as const,
    ),
  ]
}

export async function loadContender(name: string): Promise<Contender> {
  const load = contenders[name]
  if (load === undefined) throw new Error(`unknown contender ${name}`)
  return load()
}
