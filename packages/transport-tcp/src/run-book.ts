import { checkRoute, type Receipt, type Route, routeKey } from '@aether/core'
import type { SendWaiter } from '@aether/wire'
import { toAetherError } from './errors.ts'
import type { RunAddress } from './event-message.ts'

const MAX_ROUTES = 4_096
const FIRST_BUCKETS = 64

const accepted: Receipt = Object.freeze({ deduplicated: false })
const joined: Receipt = Object.freeze({ deduplicated: true })

/** The runs of one route. */
export interface RoutePage {
  readonly key: string
  /** The object that the route came as last: tasks of one kind come with one. */
  route: Route
  openRuns: number
}

/** One run that this application follows: the frames about it come under its own number, its tid only once. */
export class Followed implements RunAddress, SendWaiter {
  readonly route: Route
  readonly tid: string
  readonly workgroup: string | undefined
  readonly page: RoutePage
  /** Resolves when the broker holds it; rejects, with an error of core, where it was refused. */
  readonly receipt: Promise<Receipt>
  /** Its place in the book, which alone changes them. */
  bookHash = 0
  bookNext: Followed | undefined = undefined
  readonly #book: RunBook
  #resolve!: (receipt: Receipt) => void
  #reject!: (error: Error) => void

  constructor(book: RunBook, page: RoutePage, tid: string, workgroup: string | undefined) {
    this.#book = book
    this.page = page
    this.route = page.route
    this.tid = tid
    this.workgroup = workgroup
    this.receipt = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  confirmed(deduplicated: boolean): void {
    this.#resolve(deduplicated ? joined : accepted)
  }

  refused(error: unknown): void {
    this.#book.close(this)
    this.#reject(toAetherError(error))
  }
}

/**
 * Which runs this application follows, by route and tid, so that a tid that is sent twice has one completion. The runs carry the links of the table
 * themselves: a `Map` under churn keeps its dead entries alive from one inner table to the next. Alike to core's `TidTable` and not it: one class for the entries of all would
 * see too many shapes, and each look at one would cost more.
 */
export class RunBook {
  readonly #pages = new Map<string, RoutePage>()
  #last: RoutePage | undefined
  #buckets: (Followed | undefined)[] = emptyBuckets(FIRST_BUCKETS)
  #mask = FIRST_BUCKETS - 1
  #size = 0

  /** The page of a route, whose names are checked where it is new. Throws `ERR_AETHER_NAME_INVALID`. */
  page(route: Route): RoutePage {
    const last = this.#last
    if (last !== undefined && last.route === route) return last
    const key = routeKey(checkRoute(route))
    let page = this.#pages.get(key)
    if (page === undefined) {
      if (this.#pages.size >= MAX_ROUTES) this.#forgetEmpty()
      page = { key, route, openRuns: 0 }
      this.#pages.set(key, page)
    }
    page.route = route
    this.#last = page
    return page
  }

  find(page: RoutePage, tid: string): Followed | undefined {
    const hash = hashOf(tid)
    let run = this.#buckets[hash & this.#mask]
    while (run !== undefined && (run.bookHash !== hash || run.page !== page || run.tid !== tid))
      run = run.bookNext
    return run
  }

  /** Follows a run whose route and tid the book does not hold. */
  open(page: RoutePage, tid: string, workgroup: string | undefined): Followed {
    const run = new Followed(this, page, tid, workgroup)
    if (this.#size > this.#mask) this.#grow()
    run.bookHash = hashOf(tid)
    this.#link(run)
    this.#size++
    page.openRuns++
    return run
  }

  /** It is over. */
  close(run: Followed): void {
    const bucket = run.bookHash & this.#mask
    let before: Followed | undefined
    let at = this.#buckets[bucket]
    while (at !== undefined && at !== run) {
      before = at
      at = at.bookNext
    }
    if (at === undefined) return
    if (before === undefined) this.#buckets[bucket] = run.bookNext
    else before.bookNext = run.bookNext
    run.bookNext = undefined
    this.#size--
    run.page.openRuns--
  }

  #link(run: Followed): void {
    const bucket = run.bookHash & this.#mask
    run.bookNext = this.#buckets[bucket]
    this.#buckets[bucket] = run
  }

  #grow(): void {
    const old = this.#buckets
    this.#mask = this.#mask * 2 + 1
    this.#buckets = emptyBuckets(this.#mask + 1)
    for (const head of old) {
      let run = head
      while (run !== undefined) {
        const next: Followed | undefined = run.bookNext
        this.#link(run)
        run = next
      }
    }
  }

  #forgetEmpty(): void {
    for (const [key, page] of this.#pages) if (page.openRuns === 0) this.#pages.delete(key)
    this.#last = undefined
  }
}

function emptyBuckets(length: number): (Followed | undefined)[] {
  return Array.from({ length }, () => undefined)
}

/** FNV-1a over the UTF-16 units. */
function hashOf(tid: string): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < tid.length; index++) hash = Math.imul(hash ^ tid.charCodeAt(index), 0x01000193)
  return (hash ^ (hash >>> 15)) >>> 0
}
