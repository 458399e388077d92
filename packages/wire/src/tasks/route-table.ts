import type { Connection } from '../connection/connection.ts'
import { WireError } from '../errors.ts'
import { writeRoute } from '../frames/tasks.ts'
import { checkTopic } from '../pubsub/topic.ts'

/** Routes said on one connection; past it they are said anew. */
const MAX_ROUTES = 4_096

/** Ids for the routes of tasks: the first use of a route on a connection says it. */
export class RouteTable {
  readonly #connection: Connection
  readonly #ids = new Map<string, number>()
  #last: string | undefined
  #lastId = 0

  constructor(connection: Connection) {
    this.#connection = connection
  }

  /** Throws `ERR_AETHER_TOPIC_INVALID` where it is no route: the broker would end the connection for it. */
  idOf(route: string): number {
    if (route === this.#last) return this.#lastId
    let id = this.#ids.get(route)
    if (id === undefined) {
      checkRoute(route)
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
    this.#last = undefined
    this.#lastId = 0
  }
}

function checkRoute(route: string): void {
  checkTopic(route)
  if (route.split('/').length === 4) return
  throw new WireError(
    'ERR_AETHER_TOPIC_INVALID',
    `${JSON.stringify(route.slice(0, 80))} is not union/job/task/context.`,
  )
}
