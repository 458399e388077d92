import { checkRoute, type Route, routeKey } from '@aether/core'
import type { RunAddress } from './event-message.ts'

const MAX_ROUTES = 4_096

/** One run that this application follows: the frames about it come under its own number, its tid only once. */
export interface Followed extends RunAddress {
  readonly page: RoutePage
  /** Resolves when the broker holds it; rejects where it was refused. */
  accepted: Promise<unknown>
}

/** The runs of one route. */
export interface RoutePage {
  readonly key: string
  readonly route: Route
  readonly runs: Map<string, Followed>
}

/** Which runs this application follows, by route and tid, so that a tid that is sent twice has one completion. */
export class RunBook {
  readonly #pages = new Map<string, RoutePage>()
  #last: RoutePage | undefined

  /** The page of a route, whose names are checked where it is new. Throws `ERR_AETHER_NAME_INVALID`. */
  page(route: Route): RoutePage {
    const last = this.#last
    if (last !== undefined && last.route === route) return last
    const key = routeKey(checkRoute(route))
    let page = this.#pages.get(key)
    if (page === undefined) {
      if (this.#pages.size >= MAX_ROUTES) this.#forgetEmpty()
      page = { key, route, runs: new Map() }
      this.#pages.set(key, page)
    }
    // The same route as another object: remembered as that one, since tasks of one kind come with one object.
    if (page.route !== route) {
      page = { key, route, runs: page.runs }
      this.#pages.set(key, page)
    }
    this.#last = page
    return page
  }

  /** It is over. */
  close(run: Followed): void {
    if (run.page.runs.get(run.tid) === run) run.page.runs.delete(run.tid)
  }

  #forgetEmpty(): void {
    for (const [key, page] of this.#pages) if (page.runs.size === 0) this.#pages.delete(key)
    this.#last = undefined
  }
}
