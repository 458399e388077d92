import { TimerNode } from '@aether/engine'
import type { Connection } from '../connection/connection.ts'
import type { Responder, ServedTopic } from './served-topic.ts'

/**
 * A request without a reply. Objects are used again: the generation, part of what the provider answers to, tells one use from the next.
 */
export class PendingRequest extends TimerNode {
  readonly index: number
  generation = 0
  requester: Connection | undefined = undefined
  /** What the requester called it. */
  correlation = 0
  /** Who has it; undefined while it waits for someone with credit. */
  responder: Responder | undefined = undefined
  topic: ServedTopic | undefined = undefined
  /** Its frame after the correlation, while it waits. */
  held: Uint8Array | undefined = undefined
  queueNext: PendingRequest | undefined = undefined
  queuePrevious: PendingRequest | undefined = undefined

  constructor(index: number) {
    super()
    this.index = index
  }
}

const INDEX_BITS = 20
const GENERATIONS = 4_096

/** All requests without a reply, found by the correlation their provider was given. Bounded. */
export class PendingRequests {
  readonly #all: PendingRequest[] = []
  readonly #free: PendingRequest[] = []
  readonly #max: number

  /** @param max At most 2²⁰. */
  constructor(max: number) {
    this.#max = max
  }

  get size(): number {
    return this.#all.length - this.#free.length
  }

  /** Those whose requester is connected. Looks at all. */
  awaited(): number {
    return this.#all.filter(({ requester }) => requester?.ended === false).length
  }

  /** Undefined when there are too many. */
  take(): PendingRequest | undefined {
    const used = this.#free.pop()
    if (used !== undefined) return used
    if (this.#all.length >= this.#max) return undefined
    const made = new PendingRequest(this.#all.length)
    this.#all.push(made)
    return made
  }

  give(request: PendingRequest): void {
    request.generation = (request.generation + 1) % GENERATIONS
    request.requester = undefined
    request.responder = undefined
    request.topic = undefined
    request.held = undefined
    this.#free.push(request)
  }

  /** What the provider calls it. */
  correlationOf(request: PendingRequest): number {
    return ((request.generation << INDEX_BITS) | request.index) >>> 0
  }

  find(correlation: number): PendingRequest | undefined {
    const request = this.#all[correlation & ((1 << INDEX_BITS) - 1)]
    if (request === undefined || request.generation !== correlation >>> INDEX_BITS) return undefined
    return request.requester === undefined ? undefined : request
  }

  /** Those that a connection is working on. */
  servedBy(connection: Connection): PendingRequest[] {
    return this.#all.filter((request) => request.responder?.connection === connection)
  }
}
