import type { Redis } from 'ioredis'

type Callback = (error: Error | null, ranges: unknown) => void

/**
 * Has what a node says of itself and others named by the host under which it was found, where it knows no other: a node that never met one, or one whose Cluster
 * keeps addresses to itself. The driver would pass over those. `onAsking` gets each connection by which the driver asks.
 */
export function foundAt(node: Redis, onAsking: (asking: Redis) => void): void {
  const host = node.options.host ?? ''
  const duplicate = node.duplicate.bind(node)
  // The driver asks for the slots by a connection like this one.
  node.duplicate = (override) => {
    const asking = duplicate(override)
    onAsking(asking)
    const ask = asking.cluster.bind(asking) as (what: string, then: Callback) => unknown
    const cluster = (what: string, then: Callback): unknown =>
      ask(what, (error, ranges) => {
        if (Array.isArray(ranges)) name(ranges as Range[], host, node.options.port ?? 0)
        then(error, ranges)
      })
    return Object.assign(asking, { cluster })
  }
}

/** First and last slot, and the addresses of those that have them. */
type Range = [number, number, ...[string | null, number][]]

function name(ranges: Range[], host: string, port: number): void {
  // Before anyone has slots there is this node all the same: of no slot.
  if (ranges.length === 0) ranges.push([0, -1, [host, port]])
  for (const [, , ...nodes] of ranges) {
    for (const node of nodes) if (isUnknown(node[0])) node[0] = host
  }
}

/** Whether this is how Redis says that it has no name for a node. */
export function isUnknown(host: string | null): boolean {
  return host === null || host === '' || host === '?'
}
