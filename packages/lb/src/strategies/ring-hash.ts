import type { Backend } from '../backends/backend.ts'
import { hashPair } from '../hash/hash-text.ts'
import type { Picking, Strategy, StrategyView } from './strategy.ts'

export interface RingHashOptions {
  /** Points on the ring of a backend of average weight; more are more even. @default 160 */
  readonly points?: number
}

/** Longest ring: past it each backend gets fewer points. */
const maxPoints = 1_048_576
const ownerRange = 2 ** 21

/**
 * Backends stand on a ring, each at many points by its weight; a key belongs to the next point, and walks on from there while nobody accepts. Where all weigh
 * the same, adding and removing moves only the keys of that backend; otherwise a few more, since points are shared out by weight. O(log n) over the points.
 */
export class RingHash implements Strategy {
  readonly name = 'ring-hash'
  readonly placesBy = 'key'
  private readonly points: number
  private members: readonly Backend[] = []
  private version = -1
  private hashes = new Uint32Array(0)
  private owners = new Uint32Array(0)

  constructor(options: RingHashOptions = {}) {
    this.points = options.points ?? 160
  }

  update(view: StrategyView): void {
    this.members = view.members
    if (view.version === this.version) return
    this.version = view.version
    const { members } = view
    const mean = members.reduce((sum, backend) => sum + backend.weight, 0) / Math.max(1, members.length)
    const perMember = Math.max(1, Math.min(this.points, Math.floor(maxPoints / Math.max(1, members.length))))
    const points = members.map(({ weight }) => Math.max(1, Math.round((perMember * weight) / mean)))
    const ring = new Float64Array(points.reduce((sum, each) => sum + each, 0))
    let placed = 0
    for (let owner = 0; owner < members.length; owner++) {
      const { key } = members[owner] as Backend
      // The hash above, the owner below: sorted as one number, which 53 bits hold.
      for (let point = 0; point < (points[owner] as number); point++)
        ring[placed++] = (hashPair(key, point) >>> 0) * ownerRange + owner
    }
    ring.sort()
    this.hashes = new Uint32Array(ring.length)
    this.owners = new Uint32Array(ring.length)
    for (let index = 0; index < ring.length; index++) {
      const each = ring[index] as number
      const hash = Math.floor(each / ownerRange)
      this.hashes[index] = hash
      this.owners[index] = each - hash * ownerRange
    }
  }

  pick(picking: Picking): Backend | undefined {
    const { hashes, owners, members } = this
    const count = hashes.length
    if (count === 0) return undefined
    const hash = picking.hash >>> 0
    let low = 0
    let high = count
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((hashes[middle] as number) < hash) low = middle + 1
      else high = middle
    }
    for (let step = 0; step < count; step++) {
      // Usually somebody is met long before; where nobody is to be met, walking past all points of everyone would take long.
      if (step === members.length && !acceptsAny(members, picking)) return undefined
      const backend = members[owners[low === count ? 0 : low] as number] as Backend
      low = low === count ? 1 : low + 1
      if (picking.accepts(backend)) return backend
    }
    return undefined
  }
}

function acceptsAny(members: readonly Backend[], picking: Picking): boolean {
  for (let index = 0; index < members.length; index++)
    if (picking.accepts(members[index] as Backend)) return true
  return false
}
