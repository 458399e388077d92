import type { Transport } from '@aether/core'

/** Our transports by the name of their contender; each is loaded only where it is used. */
const transports: Readonly<Record<string, (url: string) => Promise<Transport>>> = {
  aether: async (url) => (await import('@aether/transport-tcp')).tcp({ url }),
  'aether-redis-streams': async (url) => (await import('@aether/transport-redis')).redis({ url }),
  'aether-redis-pubsub': async (url) =>
    (await import('@aether/transport-redis')).redis({ url, mode: 'pubsub' }),
  'aether-mqtt': async (url) => (await import('@aether/transport-mqtt')).mqtt({ url }),
}

export async function openTransport(contender: string, url: string): Promise<Transport> {
  const open = transports[contender]
  if (open === undefined) throw new Error(`no transport of ours for ${contender}`)
  return open(url)
}
