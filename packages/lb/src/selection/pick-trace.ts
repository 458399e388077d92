import type { Backend } from '../backends/backend.ts'

/**
 * Why a backend was not to be had. The first four hold for every request; the others for the one that was picked for: it had all its slots, or its half-open
 * breaker all its probes in use, had had the request before, was named in `exclude`, lacked a capability, or was at its bound of load.
 */
export type Exclusion =
  | 'draining'
  | 'unhealthy'
  | 'ejected'
  | 'breaker-open'
  | 'full'
  | 'probing'
  | 'tried'
  | 'excluded'
  | 'incapable'
  | 'bounded'

/** One pick, as `explain` tells it. */
export interface PickExplanation {
  readonly requestId: string | undefined
  readonly algorithm: string
  /** The level and zone it was picked from. */
  readonly pool: string
  /** `undefined`: there was none to be had. */
  readonly backendId: string | undefined
  /** Led there by affinity, not by the algorithm. */
  readonly isSticky: boolean
  /** Where the session is at home: not `backendId` if that one could not take it, and `excluded` says why. */
  readonly homeId: string | undefined
  /** Those the algorithm compared, with its own score for each: for some lower, for some higher is better; none where there was nothing to compare. */
  readonly candidates: readonly { readonly backendId: string; readonly score: number }[]
  /** Backends that took no requests then, and up to eight that were looked at and could not take this one, and why. */
  readonly excluded: readonly { readonly backendId: string; readonly reason: Exclusion }[]
  /** Epoch milliseconds. */
  readonly at: number
}

/** Backends that a pick could not have, each with the reason. */
export type Excluded = readonly { readonly backendId: string; readonly reason: Exclusion }[]

const candidateLimit = 4
const refusalLimit = 8

/** What is known of one pick; kept by the selector and filled anew each time. */
export interface PickRecord {
  requestId: string | undefined
  algorithm: string
  pool: string
  chosen: Backend | undefined
  isSticky: boolean
  /** As it was when backends last changed. */
  excluded: Excluded
  /** Monotonic milliseconds. */
  at: number
}

interface Entry extends Omit<PickRecord, 'at'> {
  count: number
  readonly candidates: (Backend | undefined)[]
  readonly scores: Float64Array
  home: Backend | undefined
  refusals: number
  readonly refused: (Backend | undefined)[]
  readonly reasons: (Exclusion | undefined)[]
}

export function emptyRecord(): PickRecord {
  return {
    requestId: undefined,
    algorithm: '',
    pool: '',
    chosen: undefined,
    isSticky: false,
    excluded: [],
    at: 0,
  }
}

/** The last picks in a ring whose entries are made once: tracing allocates nothing, explaining does. */
export class PickTrace {
  private readonly entries: Entry[]
  private readonly times: Float64Array
  private written = 0
  private count = 0
  private readonly candidates: (Backend | undefined)[] = new Array<Backend | undefined>(candidateLimit)
  private readonly scores = new Float64Array(candidateLimit)
  private home: Backend | undefined = undefined
  private isHeld = false
  private refusals = 0
  private readonly refused: (Backend | undefined)[] = new Array<Backend | undefined>(refusalLimit)
  private readonly reasons: (Exclusion | undefined)[] = new Array<Exclusion | undefined>(refusalLimit)

  constructor(limit: number) {
    this.times = new Float64Array(limit)
    this.entries = Array.from({ length: limit }, () => ({
      ...emptyRecord(),
      count: 0,
      candidates: new Array<Backend | undefined>(candidateLimit),
      scores: new Float64Array(candidateLimit),
      home: undefined,
      refusals: 0,
      refused: new Array<Backend | undefined>(refusalLimit),
      reasons: new Array<Exclusion | undefined>(refusalLimit),
    }))
  }

  /** What was looked at before belongs to no pick. */
  begin(): void {
    if (this.isHeld) {
      this.isHeld = false
      return
    }
    this.count = 0
    this.refusals = 0
    this.home = undefined
  }

  /** Affinity leads here. */
  propose(home: Backend): void {
    this.isHeld = false
    this.begin()
    this.home = home
  }

  /** The proposal came to nothing: why belongs to the pick that follows. */
  hold(): void {
    this.isHeld = true
  }

  refuse(backend: Backend, reason: Exclusion): void {
    if (this.refusals === refusalLimit) return
    // The same one is often looked at twice: drawn, and again with all others.
    for (let index = 0; index < this.refusals; index++) if (this.refused[index] === backend) return
    this.refused[this.refusals] = backend
    this.reasons[this.refusals++] = reason
  }

  /** The score stands in an object: as an argument a fraction would be made one. */
  consider(backend: Backend, { score }: { readonly score: number }): void {
    if (this.count === candidateLimit) return
    this.candidates[this.count] = backend
    this.scores[this.count++] = score
  }

  finish(pick: PickRecord): void {
    const index = this.written++ % this.entries.length
    const entry = this.entries[index] as Entry
    this.times[index] = pick.at
    entry.requestId = pick.requestId
    entry.algorithm = pick.algorithm
    entry.pool = pick.pool
    entry.chosen = pick.chosen
    entry.isSticky = pick.isSticky
    entry.excluded = pick.excluded
    entry.count = this.count
    entry.home = this.home
    entry.refusals = this.refusals
    for (let nth = 0; nth < this.refusals; nth++) {
      entry.refused[nth] = this.refused[nth]
      entry.reasons[nth] = this.reasons[nth]
    }
    for (let index = 0; index < this.count; index++) {
      entry.candidates[index] = this.candidates[index]
      entry.scores[index] = this.scores[index] as number
    }
    this.count = 0
  }

  /** The oldest first; `epochMs` is the epoch time at which the monotonic clock was 0. */
  list(epochMs: number): readonly PickExplanation[] {
    const first = Math.max(0, this.written - this.entries.length)
    return Array.from({ length: this.written - first }, (_, nth) => {
      const index = (first + nth) % this.entries.length
      return explain(this.entries[index] as Entry, epochMs + (this.times[index] as number))
    })
  }
}

function explain(entry: Entry, at: number): PickExplanation {
  return {
    requestId: entry.requestId,
    algorithm: entry.algorithm,
    pool: entry.pool,
    backendId: entry.chosen?.id,
    isSticky: entry.isSticky,
    homeId: entry.home?.id,
    candidates: Array.from({ length: entry.count }, (_, index) => ({
      backendId: (entry.candidates[index] as Backend).id,
      score: entry.scores[index] as number,
    })),
    excluded: [...entry.excluded, ...refusalsOf(entry)],
    at,
  }
}

function refusalsOf(entry: Entry): Excluded {
  return Array.from({ length: entry.refusals }, (_, nth) => ({
    backendId: (entry.refused[nth] as Backend).id,
    reason: entry.reasons[nth] as Exclusion,
  }))
}
