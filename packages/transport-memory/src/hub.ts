import { internRoute, topicOf } from '@aether/core'
import type {
  AetherError,
  AetherEvent,
  CompleteEvent,
  Route,
  StatusEvent,
  TaskMessage,
  Transport,
} from '@aether/core'
import { createEngine, createTopicTrie } from '@aether/engine'
import type {
  DeadLetter,
  Effects,
  Engine,
  EngineStats,
  Lease,
  RevokeReason,
  Settlement,
  TopicTrie,
} from '@aether/engine'

import type { MemoryCapabilities } from './capabilities.ts'
import { memoryCapabilities } from './capabilities.ts'
import { MemoryDelivery } from './delivery.ts'
import type { MemoryConsumer } from './delivery.ts'
import { Endpoint } from './endpoint.ts'
import type { MemoryListener } from './endpoint.ts'
import { endedError, fromEngine, revokeError, tooLargeError, unknownTaskError } from './errors.ts'
import { resolveMemoryOptions } from './options.ts'
import type { MemoryOptions, MemoryTransportOptions, ResolvedMemoryOptions } from './options.ts'
import type { Job } from './turn-queue.ts'
import { TurnQueue } from './turn-queue.ts'

export type MemoryDeadLetter = Pick<DeadLetter<TaskMessage>, 'attempts' | 'reason' | 'error'> & {
  readonly task: TaskMessage
  readonly workgroup: string
}

/** One engine in this process, for several applications. */
export interface MemoryHub {
  /** A new transport to this engine, for one application. */
  transport(options?: MemoryTransportOptions): Transport<MemoryCapabilities>
  /** What the engine counts; its ledger: `accepted = succeeded + failed + cancelled + expired + open`. */
  stats(): EngineStats
  deadLetters(): readonly MemoryDeadLetter[]
  /** For tests: one of this hub's transports loses its connection; its leases return, its calls wait. */
  cut(transport: Transport): void
  /** For tests: it connects again, and asks for its consumers and listeners anew. */
  heal(transport: Transport): void
  /** Closes every transport that is still open. Idempotent. */
  close(): Promise<void>
}

/** The engine with its timer, its queue of deliveries and whoever listens; endpoints call it, and it calls them later. */
export class Hub implements MemoryHub {
  readonly options: ResolvedMemoryOptions
  readonly capabilities: MemoryCapabilities
  readonly engine: Engine<TaskMessage, CompleteEvent, Endpoint, Endpoint>
  readonly #endpoints = new Set<Endpoint>()
  readonly #listeners: TopicTrie<MemoryListener> = createTopicTrie()
  readonly #deliveries = new Map<number, MemoryDelivery>()
  readonly #consumers = new Map<number, MemoryConsumer>()
  /** Those that let a lease run out in this tick. */
  readonly #doubted = new Set<Endpoint>()
  readonly #queue: TurnQueue = new TurnQueue(() => this.#arm())
  #opening: MemoryConsumer | undefined = undefined
  #timer: NodeJS.Timeout | undefined = undefined
  #timerAt = Infinity

  constructor(options: MemoryOptions) {
    this.options = resolveMemoryOptions(options)
    this.capabilities = { ...memoryCapabilities, maxPayloadBytes: this.options.maxPayloadBytes }
    const { dispatch, limits } = this.options
    try {
      this.engine = createEngine(
        { clock: performance, random: Math.random, dispatch, limits, resultBytes },
        this.#effects(),
      )
    } catch (error) {
      throw fromEngine(error)
    }
  }

  transport(options: MemoryTransportOptions = {}): Transport<MemoryCapabilities> {
    const endpoint = new Endpoint(this, resolveMemoryOptions(options, this.options))
    this.#endpoints.add(endpoint)
    return endpoint
  }

  stats(): EngineStats {
    return this.engine.stats()
  }

  deadLetters(): readonly MemoryDeadLetter[] {
    return Array.from(this.engine.deadLetters(), (letter) => {
      const { body, workgroup, attempts, reason, error } = letter
      return { task: body, workgroup, attempts, reason, error }
    })
  }

  cut(transport: Transport): void {
    this.#find(transport)?.cut()
  }

  heal(transport: Transport): void {
    this.#find(transport)?.heal()
  }

  async close(): Promise<void> {
    await Promise.all(Array.from(this.#endpoints, (endpoint) => endpoint.close()))
  }

  #find(transport: Transport): Endpoint | undefined {
    for (const endpoint of this.#endpoints) if (endpoint === transport) return endpoint
    return undefined
  }

  /** Does something in a later turn of the stack, in order with deliveries and events. */
  later(run: () => void): void {
    this.#queue.push({ run })
  }

  /** Where a call that has done its work waits, so that a stream of calls leaves turns to everyone else. */
  turn(): Promise<void> | undefined {
    return this.#queue.turn()
  }

  /** Events are refused while this many wait to be heard: those of tasks are bounded by the engine. */
  get isFull(): boolean {
    return this.#queue.isFull
  }

  /** The engine's state changed: its timer is looked at before this turn ends. */
  touch(): void {
    this.#queue.schedule()
  }

  tooLarge(body: Uint8Array | undefined, what: string): AetherError | undefined {
    const limit = this.options.maxPayloadBytes
    return body !== undefined && body.byteLength > limit
      ? tooLargeError(what, body.byteLength, limit)
      : undefined
  }

  /** Asks the engine for a consumer; what the engine delivers before it has told its id is meant for this one too. */
  addConsumer(consumer: MemoryConsumer): void {
    this.#opening = consumer
    try {
      consumer.id = consumer.open()
    } catch (error) {
      throw fromEngine(error)
    } finally {
      this.#opening = undefined
    }
    this.#consumers.set(consumer.id, consumer)
    this.touch()
  }

  removeConsumer(consumer: MemoryConsumer): void {
    this.engine.closeConsumer(consumer.id)
    this.#consumers.delete(consumer.id)
    this.touch()
  }

  /** A lease was settled. */
  forget(lease: number): void {
    this.#deliveries.delete(lease)
  }

  listen(filter: string, listener: MemoryListener): void {
    this.#listeners.add(filter, listener)
  }

  unlisten(filter: string, listener: MemoryListener): void {
    this.#listeners.remove(filter, listener)
  }

  /** Hands an event to everyone who listens for it. */
  publish(event: AetherEvent): void {
    if (this.#listeners.size === 0) return
    const { route, tid, action } = event
    const listeners = this.#listeners.match(topicOf(route, tid, action))
    for (const listener of listeners) this.#queue.push(new Hearing(listener, event))
  }

  /** Progress under a lease, to the caller of its task and to whoever listens. */
  report(id: number, owner: Endpoint, event: StatusEvent): 'ok' | 'lease-lost' {
    const lease = this.engine.lease(id)
    if (lease === undefined || lease.owner !== owner) return 'lease-lost'
    for (const watcher of this.engine.watchers(id, owner) ?? []) this.#queue.push(new Hearing(watcher, event))
    this.publish(event)
    return 'ok'
  }

  /** An endpoint is gone for good, or cut off: its leases go elsewhere. */
  disconnect(endpoint: Endpoint): void {
    this.engine.disconnect(endpoint)
    for (const [id, consumer] of this.#consumers)
      if (consumer.endpoint === endpoint) this.#consumers.delete(id)
    for (const [lease, delivery] of this.#deliveries) {
      if (delivery.endpoint !== endpoint) continue
      this.#deliveries.delete(lease)
      delivery.revoke(revokeError('lease-lost', delivery.task.tid, undefined))
    }
    this.touch()
  }

  /** An endpoint is closed. The last one takes the timer with it: the engine keeps what it holds, and ticks again with the next. */
  leave(endpoint: Endpoint): void {
    this.#endpoints.delete(endpoint)
    this.#arm()
  }

  #effects(): Effects<TaskMessage, CompleteEvent, Endpoint, Endpoint> {
    return {
      deliver: (lease) => this.#deliver(lease),
      revoke: (lease, reason, cancelReason) => this.#revoke(lease, reason, cancelReason),
      settled: (watcher, settlement) => {
        this.#queue.push(new Hearing(watcher, eventOf(settlement)))
      },
      completed: (_route, _workgroup, settlement) => {
        if (this.#listeners.size > 0) this.publish(eventOf(settlement))
      },
      deadLettered: () => undefined,
    }
  }

  #deliver(lease: Lease<TaskMessage, Endpoint>): void {
    const consumer = this.#consumers.get(lease.consumer) ?? this.#opening
    if (consumer === undefined) return
    const delivery = new MemoryDelivery(lease.id, lease.attempt, lease.body, consumer)
    this.#deliveries.set(lease.id, delivery)
    this.#queue.push(delivery)
  }

  #revoke(lease: Lease<TaskMessage, Endpoint>, reason: RevokeReason, cancelReason: string | undefined): void {
    if (reason === 'lease-lost') this.#doubted.add(lease.owner)
    const delivery = this.#deliveries.get(lease.id)
    if (delivery === undefined) return
    this.#deliveries.delete(lease.id)
    delivery.revoke(revokeError(reason, lease.tid, cancelReason))
  }

  readonly #tick = (): void => {
    this.#timer = undefined
    this.#timerAt = Infinity
    this.engine.tick()
    // They share this process, which is there.
    for (const endpoint of this.#doubted) this.engine.heard(endpoint)
    this.#doubted.clear()
    this.#arm()
  }

  /** A timer for the engine's next step, at the latest. It keeps the process alive only while a task is open. */
  #arm(): void {
    if (this.#endpoints.size === 0) {
      clearTimeout(this.#timer)
      this.#timer = undefined
      this.#timerAt = Infinity
      return
    }
    const at = this.engine.nextTickAt()
    // An earlier timer stays: it finds nothing to do and looks again. Moving it with each task would cost more.
    if (at < this.#timerAt) {
      clearTimeout(this.#timer)
      this.#timerAt = at
      this.#timer = setTimeout(
        this.#tick,
        Math.min(Math.max(Math.ceil(at - performance.now()), 0), longestTimerMs),
      )
    }
    if (this.engine.stats().open > 0) this.#timer?.ref()
    else this.#timer?.unref()
  }
}

/** Longer ones fire at once in Node; this one looks again. */
const longestTimerMs = 2 ** 30

/** What a remembered completion weighs, or the error of a last attempt: its body and its text, at two bytes a character. */
function resultBytes(result: unknown): number {
  const { body, error, message } = result as Partial<CompleteEvent> & { readonly message?: unknown }
  const text: unknown = error === undefined ? message : error.message
  return (body?.byteLength ?? 0) + (typeof text === 'string' ? 2 * text.length : 0)
}

/** The job of telling somebody of an event. */
class Hearing<E> implements Job {
  readonly #ear: { hear(event: E): void }
  readonly #event: E

  constructor(ear: { hear(event: E): void }, event: E) {
    this.#ear = ear
    this.#event = event
  }

  run(): void {
    this.#ear.hear(this.#event)
  }
}

/** The completion of a task: the worker's own words, or the engine's where it ended the task. */
function eventOf(settlement: Settlement<CompleteEvent>): CompleteEvent {
  const { result, route, tid, workgroup, attempt, outcome } = settlement
  if (result !== undefined) return result
  return {
    action: 'complete',
    route: requireRoute(route),
    tid,
    client: 'memory',
    host: '',
    status: outcome,
    attempt,
    workgroup,
    codec: 'json',
    error: endedError(settlement),
  }
}

/** The engine holds only keys that were made from checked routes. */
function requireRoute(key: string): Route {
  const route = internRoute(key)
  if (route === undefined) throw unknownTaskError(key, '', 'has no route of four names')
  return route
}

/** Makes an engine inside this process that several applications share, each through a transport of its own. Throws `ERR_AETHER_OPTIONS_INVALID`. */
export function createMemoryHub(options: MemoryOptions = {}): MemoryHub {
  return new Hub(options)
}
