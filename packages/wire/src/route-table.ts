import type { Connection } from './connection.ts'
import { writeRoute } from './frames/tasks.ts'

/** Routes said on one connection; past it they are said anew. */
const MAX_ROUTES = 4_096

/** Ids for the routes of tasks: the first use of a route on a connection says it. */
export class RouteTable {
  readonly #connection: Connection
  readonly #ids = new Map<string, number>()
  #last = ''
  #lastId = 0

  constructor(connection: Connection) {
    this.#connection = connection
  }

  idOf(route: string): number {
    if (route === this.#last) return this.#lastId
    let id = this.#ids.get(route)
    if (id === undefined) {
      // An id that is said again stands for its new route from then on: so both sides hold no more than this many.
      if (this.#ids.size >= MAX_ROUTES) this.#ids.clear()
      id = this.#ids.size + 1
      writeRoute(this.#connection.writer, id, route)
      this.#ids.set(route, id)
    }
    this.#last = route
    this.#lastId = id
    return id
  }

  clear(): void {
    this.#ids.clear()
    this.#last = ''
    this.#lastId = 0
  }
}
