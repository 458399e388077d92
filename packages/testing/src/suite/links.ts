import type { Link } from '../harness.ts'
import { jsonBody, routeOf } from './messages.ts'
import type { Peer } from './peer.ts'
import type { CaseContext } from './suite-case.ts'

/** Heartbeats and backoffs are the transport's own; this is the most that any of them may take. */
export const patienceMs = 15_000

/** The link of a peer's transport; fails where the environment does not keep what it declares. */
export async function linkOf(context: CaseContext, peer: Peer): Promise<Link> {
  const link = (await context.environment()).link?.(peer.plain)
  if (link === undefined) throw new Error('the fault "link" is declared, but the environment has no link()')
  return link
}

/** 0 while it is not ready. */
export function generationOf(peer: Peer): number {
  const { state } = peer.transport
  return state.status === 'ready' ? state.generation : 0
}

/** Says that `worker` is online, to everyone who listens. */
export async function publishOnline(peer: Peer, union: string, worker: string): Promise<void> {
  await peer.transport.publish({
    action: 'online',
    route: routeOf(union),
    tid: worker,
    client: worker,
    host: 'suite',
    body: jsonBody(worker),
    codec: 'json',
  })
}
