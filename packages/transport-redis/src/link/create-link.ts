import type { ResolvedOptions } from '../options.ts'
import type { Target } from '../target.ts'
import { ClientSession } from './client-session.ts'
import { ClusterSession } from './cluster-session.ts'
import { accessOptions, driverOptions } from './driver-options.ts'
import { Link } from './link.ts'
import type { RedisLink } from './redis-link.ts'
import { Sentinels } from './sentinels.ts'
import { ServerSession } from './server-session.ts'
import { opening, type OpenSession } from './session.ts'

/** A link to what the options name. It connects at `start`. */
export function createLink(options: ResolvedOptions): RedisLink {
  const { target } = options
  return new Link(options, {
    open: opener(target, options.attemptTimeoutMs),
    name: nameOf(target),
    usesTls: target.kind !== 'client' && target.tls !== undefined,
    isCluster: target.kind === 'cluster' || (target.kind === 'client' && target.client.isCluster),
    random: Math.random,
  })
}

function opener(target: Target, attemptTimeoutMs: number): OpenSession {
  switch (target.kind) {
    case 'server': {
      const options = driverOptions(target, target, attemptTimeoutMs)
      return (signal) => opening(new ServerSession(nameOf(target), options), signal)
    }
    case 'sentinel': {
      const options = accessOptions(target, attemptTimeoutMs)
      const name = nameOf(target)
      return (signal) => {
        const session = new ServerSession(name, options, new Sentinels(target, attemptTimeoutMs))
        return opening(session, signal)
      }
    }
    case 'cluster':
      return (signal) => opening(new ClusterSession(target, attemptTimeoutMs, Math.random), signal)
    case 'client':
      return (signal) => opening(new ClientSession(target.client), signal)
  }
}

function nameOf(target: Target): string {
  switch (target.kind) {
    case 'server':
      return `${target.host}:${target.port}`
    case 'sentinel':
      return `${target.name} of ${target.sentinels.map((one) => `${one.host}:${one.port}`).join(', ')}`
    case 'cluster':
      return target.nodes.map((one) => `${one.host}:${one.port}`).join(', ')
    default:
      return 'the injected client'
  }
}
