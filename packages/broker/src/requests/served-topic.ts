import type { Connection } from '../connection/connection.ts'
import type { PendingRequest } from './pending-request.ts'

/** One connection that answers requests on one topic. */
export interface Responder {
  readonly connection: Connection
  /** Requests it takes at a time. */
  readonly credit: number
  used: number
}

/** Who answers on a topic, and which requests wait until one of them has room. */
export class ServedTopic {
  readonly name: string
  readonly responders: Responder[] = []
  #next = 0
  #first: PendingRequest | undefined
  #last: PendingRequest | undefined

  constructor(name: string) {
    this.name = name
  }

  get first(): PendingRequest | undefined {
    return this.#first
  }

  /** Takes the responder with most spare credit; among equals, one after the other. */
  choose(): Responder | undefined {
    const { responders } = this
    const count = responders.length
    let best: Responder | undefined
    let most = 0
    let chosen = 0
    let index = this.#next < count ? this.#next : 0
    for (let seen = 0; seen < count; seen++) {
      const responder = responders[index]!
      const spare = responder.credit - responder.used
      if (spare > most) {
        most = spare
        best = responder
        chosen = index
      }
      index = index + 1 === count ? 0 : index + 1
    }
    if (best !== undefined) this.#next = chosen + 1
    return best
  }

  remove(connection: Connection): void {
    const at = this.responders.findIndex((responder) => responder.connection === connection)
    if (at >= 0) this.responders.splice(at, 1)
  }

  wait(request: PendingRequest): void {
    request.queuePrevious = this.#last
    if (this.#last === undefined) this.#first = request
    else this.#last.queueNext = request
    this.#last = request
  }

  unwait(request: PendingRequest): void {
    const { queueNext, queuePrevious } = request
    if (queuePrevious === undefined) this.#first = queueNext
    else queuePrevious.queueNext = queueNext
    if (queueNext === undefined) this.#last = queuePrevious
    else queueNext.queuePrevious = queuePrevious
    request.queueNext = undefined
    request.queuePrevious = undefined
  }
}
