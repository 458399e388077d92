import type { ConsumerSpec } from '@aether/engine'
import { type IdEntry, IdTable, writeRoute } from '@aether/wire'
import type { Connection } from '../connection/connection.ts'

/** Routes that one client is told by number at a time; the oldest number is then used again. */
const TOLD_ROUTES = 1_024

/** A caller that waits for the end of a task: a connection and what it calls the task. */
export class Watcher implements IdEntry<Watcher> {
  readonly connection: Connection
  /** The correlation. */
  readonly id: number
  idNext: Watcher | undefined = undefined
  readonly route: string
  readonly tid: string

  constructor(connection: Connection, correlation: number, route: string, tid: string) {
    this.connection = connection
    this.id = correlation
    this.route = route
    this.tid = tid
  }
}

/** A consumer as the engine was asked for it; it is asked again after a time in which the client did not read. */
export interface HeldConsumer {
  readonly spec: ConsumerSpec<Connection>
  /** The engine's number; undefined while it is held back. */
  id: number | undefined
}

/** What one connection has to do with tasks. */
export class TaskState {
  /** The client's numbers for routes. */
  readonly routes: Map<number, string> = new Map()
  /** Its consumers, by the number it gave them. */
  readonly consumers: Map<number, HeldConsumer> = new Map()
  /** The client's number of a consumer, by the engine's. */
  readonly clientNumbers: Map<number, number> = new Map()
  /** By correlation. */
  readonly watchers: IdTable<Watcher> = new IdTable()
  readonly #told = new Map<string, number>()
  readonly #toldInOrder: string[] = []
  #nextTold = 0

  /** The number under which the client knows a route; it is told when it does not. */
  routeId(route: string, connection: Connection): number {
    const known = this.#told.get(route)
    if (known !== undefined) return known
    const place = this.#nextTold
    this.#nextTold = (place + 1) % TOLD_ROUTES
    const forgotten = this.#toldInOrder[place]
    if (forgotten !== undefined) this.#told.delete(forgotten)
    this.#toldInOrder[place] = route
    this.#told.set(route, place + 1)
    writeRoute(connection.out, place + 1, route)
    return place + 1
  }
}
