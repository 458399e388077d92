import type { Hold } from './open-task.ts'
import type { Hello, Interest, Opening } from './hello-frame.ts'

/** Credit that several consumers of one instance share. */
interface SharedCredit {
  credit: number
  used: number
}

/** One consumer of some instance, as a caller sees it. */
export class Seat {
  readonly peer: Peer
  readonly consumer: number
  readonly job: string
  readonly task: string
  readonly context: string
  readonly workgroup: string
  readonly #credit: number
  readonly pool: SharedCredit | undefined
  #used = 0
  /** It said that it has no room, though it should: other callers have filled it. */
  isFull = false

  constructor(peer: Peer, opening: Opening, pool: SharedCredit | undefined) {
    this.peer = peer
    this.consumer = opening.consumer
    this.job = opening.job
    this.task = opening.task
    this.context = opening.context
    this.workgroup = opening.workgroup
    this.#credit = opening.credit
    this.pool = pool
  }

  get hasRoom(): boolean {
    if (this.isFull || this.peer.isAway || this.#used >= this.#credit) return false
    return this.pool === undefined || this.pool.used < this.pool.credit
  }

  take(): void {
    this.#used += 1
    if (this.pool !== undefined) this.pool.used += 1
  }

  giveBack(): void {
    this.#used -= 1
    if (this.pool !== undefined) this.pool.used -= 1
    this.isFull = false
  }
}

/** What one instance does in one union. */
export interface Member {
  readonly version: number
  readonly seats: ReadonlyMap<number, Seat>
  readonly interests: readonly Interest[]
}

/** Another instance, or this one, as callers see it. */
export class Peer {
  readonly id: string
  readonly channel: string
  /** What this instance has asked it to do, by number. */
  readonly calls: Map<number, Hold> = new Map()
  readonly members: Map<string, Member> = new Map()
  lastCall = 0
  /** 0 until it said hello. */
  epoch = 0
  heardAtMs = 0
  /** Nobody listened where it should: it has no connection now. */
  isAway = false
  readonly #pools = new Map<string, SharedCredit>()

  constructor(id: string, channel: string) {
    this.id = id
    this.channel = channel
  }

  /** Takes what it says about itself; what is in its hands stays counted. */
  enlist(hello: Hello): Member {
    const known = this.members.get(hello.union)?.seats
    const seats = new Map<number, Seat>()
    for (const opening of hello.openings)
      seats.set(
        opening.consumer,
        known?.get(opening.consumer) ?? new Seat(this, opening, this.#poolOf(opening)),
      )
    const member = { version: hello.version, seats, interests: hello.interests }
    this.members.set(hello.union, member)
    this.#forgetPools()
    return member
  }

  get poolCount(): number {
    return this.#pools.size
  }

  /** Those of which nobody has a part. */
  #forgetPools(): void {
    if (this.#pools.size === 0) return
    const kept = new Set<SharedCredit | undefined>()
    for (const { seats } of this.members.values()) for (const { pool } of seats.values()) kept.add(pool)
    for (const [id, pool] of this.#pools) if (pool.used === 0 && !kept.has(pool)) this.#pools.delete(id)
  }

  #poolOf({ pool, poolCredit }: Opening): SharedCredit | undefined {
    if (pool === '') return undefined
    const known = this.#pools.get(pool)
    if (known !== undefined) return known
    const shared = { credit: poolCredit, used: 0 }
    this.#pools.set(pool, shared)
    return shared
  }
}
