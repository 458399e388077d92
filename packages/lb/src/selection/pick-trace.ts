import type { Backend } from '../backends/backend.ts'

/** Why a backend was not to be had. */
export type Exclusion = 'draining' | 'unhealthy' | 'ejected' | 'breaker-open'

export interface PickExplanation {
  readonly requestId: string | undefined
  readonly algorithm: string
  /** The level and zone it was picked from. */
  readonly pool: string
  /** `undefined`: there was none to be had. */
  readonly backendId: string | undefined
  /** Led there by affinity, not by the algorithm. */
  readonly isSticky: boolean
  /** Those the algorithm compared, with its own score for each: for some lower, for some higher is better. */
  readonly candidates: readonly { readonly backendId: string; readonly score: number }[]
  /** Backends that took no requests then, and why. */
  readonly excluded: readonly { readonly backendId: string; readonly reason: Exclusion }[]
  /** Epoch milliseconds. */
  readonly at: number
}

export type Excluded = readonly { readonly backendId: string; readonly reason: Exclusion }[]

const candidateLimit = 4

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

  constructor(limit: number) {
    this.times = new Float64Array(limit)
    this.entries = Array.from({ length: limit }, () => ({
      ...emptyRecord(),
      count: 0,
      candidates: new Array<Backend | undefined>(candidateLimit),
      scores: new Float64Array(candidateLimit),
    }))
  }

  /** What was looked at before belongs to no pick. */
  begin(): void {
    this.count = 0
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
    candidates: Array.from({ length: entry.count }, (_, index) => ({
      backendId: (entry.candidates[index] as Backend).id,
      score: entry.scores[index] as number,
    })),
    excluded: entry.excluded,
    at,
  }
}
