import { AetherError, checkName, checkRoute, createStateMachine, filterTopic, routeKey } from '@aether/core'
import type {
  AetherEvent,
  CompleteEvent,
  ConsumeOptions,
  Consumer,
  Delivery,
  EventFilter,
  Listener,
  Receipt,
  Route,
  StateMachine,
  StatusEvent,
  TaskMessage,
  Transport,
  TransportHost,
  TransportState,
  WaitOptions,
} from '@aether/core'

import { checkFilter, checkTask } from './check-input.ts'
import type { MemoryCapabilities } from './capabilities.ts'
import { MemoryConsumer } from './delivery.ts'
import { closedError, floodError, fromEngine, refusalError, unknownTaskError } from './errors.ts'
import type { Hub } from './hub.ts'
import { WaitingRoom } from './waiting-room.ts'
import type { WaitingRoomOptions } from './waiting-room.ts'

const accepted: Receipt = Object.freeze({ deduplicated: false })
const joined: Receipt = Object.freeze({ deduplicated: true })

/** The transport of one application: what it asks goes to the hub's engine at once, what it hears comes in a later turn. */
export class Endpoint implements Transport<MemoryCapabilities> {
  readonly name: string = 'memory'
  readonly capabilities: MemoryCapabilities
  readonly hub: Hub
  readonly #states: StateMachine = createStateMachine()
  readonly #room: WaitingRoom
  readonly #consumers = new Set<MemoryConsumer>()
  readonly #listeners = new Set<MemoryListener>()
  /** Completions that came while it was cut off. */
  #held: CompleteEvent[] = []
  #host: TransportHost | undefined = undefined
  #generation = 0
  #closing: Promise<void> | undefined = undefined
  #lastRoute: Route | undefined = undefined
  #lastKey = ''

  constructor(hub: Hub, options: WaitingRoomOptions) {
    this.hub = hub
    this.capabilities = hub.capabilities
    this.#room = new WaitingRoom(options)
  }

  get state(): TransportState {
    return this.#states.state
  }

  get isOver(): boolean {
    return this.#states.isOver
  }

  states(options?: WaitOptions): AsyncIterable<TransportState> {
    return this.#states.changes(options)
  }

  async start(host: TransportHost, options: WaitOptions = {}): Promise<void> {
    options.signal?.throwIfAborted()
    if (this.#closing !== undefined) throw closedError()
    if (this.#host !== undefined) {
      throw new AetherError(
        'ERR_AETHER_OPTIONS_INVALID',
        'a memory transport belongs to one application and is started once',
      )
    }
    this.#host = host
    this.#states.set({ status: 'starting' })
    await Promise.resolve()
    if (this.#closing !== undefined) throw closedError()
    this.#connect()
  }

  async send(task: TaskMessage, options?: WaitOptions): Promise<Receipt> {
    if (!this.#isReady(options)) await this.#wait(options)
    const { hub } = this
    checkTask(task)
    const route = this.#key(task.route)
    const tooLarge = hub.tooLarge(task.body, 'the task')
    if (tooLarge !== undefined) throw tooLarge
    const { tid, workgroup, priority, delayMs, ttlMs, attempts, waitForWorkers } = task
    // A deadline that has passed leaves a sliver: to the engine 0 means none.
    const deadlineMs = Math.max(1, task.deadline - Date.now())
    const bytes = task.body.byteLength
    const spec = {
      tid,
      workgroup,
      body: task,
      bytes,
      priority,
      delayMs,
      ttlMs,
      deadlineMs,
      attempts,
      waitForWorkers,
    }
    const result = hub.engine.send(route, spec, this)
    hub.touch()
    const turn = hub.turn()
    if (turn !== undefined) await turn
    if (result === 'accepted') return accepted
    if (result === 'deduplicated') return joined
    throw refusalError(result, route, tid)
  }

  async attach(route: Route, tid: string, options?: WaitOptions): Promise<void> {
    if (!this.#isReady(options)) await this.#wait(options)
    const key = this.#key(route)
    if (this.hub.engine.attach(key, tid, this)) return this.hub.touch()
    throw unknownTaskError(key, tid, 'is not known (any more), or has all the followers it may have')
  }

  async cancel(route: Route, tid: string, reason: string, options?: WaitOptions): Promise<void> {
    if (!this.#isReady(options)) await this.#wait(options)
    const key = this.#key(route)
    const isCancelled = this.hub.engine.cancel(key, tid, reason)
    this.hub.touch()
    if (!isCancelled) throw unknownTaskError(key, tid, 'is not known, or over already')
  }

  async consume(
    route: Route,
    options: ConsumeOptions,
    handler: (delivery: Delivery) => void,
  ): Promise<Consumer> {
    if (!this.#isReady(undefined)) await this.#wait(undefined)
    const filter = routeKey(checkRoute(route, { wildcards: true }))
    checkName('workgroup', options.workgroup)
    const { workgroup, credit, leaseMs, pool } = options
    const spec = {
      filter,
      workgroup,
      credit,
      leaseMs,
      owner: this,
      ...(pool === undefined ? {} : { pool: { ...pool } }),
    }
    const consumer = new MemoryConsumer(this, handler, () => this.hub.engine.consume(spec))
    this.hub.addConsumer(consumer)
    this.#consumers.add(consumer)
    return consumer
  }

  async publish(event: AetherEvent, options?: WaitOptions): Promise<void> {
    if (!this.#isReady(options)) await this.#wait(options)
    const tooLarge = 'body' in event ? this.hub.tooLarge(event.body, `the ${event.action} event`) : undefined
    if (tooLarge !== undefined) throw tooLarge
    this.#key(event.route)
    if (this.hub.isFull) throw floodError()
    this.hub.publish(event)
    const turn = this.hub.turn()
    if (turn !== undefined) await turn
  }

  async listen(filter: EventFilter, handler: (event: AetherEvent) => void): Promise<Listener> {
    if (!this.#isReady(undefined)) await this.#wait(undefined)
    const listener = new MemoryListener(
      this,
      filterTopic(this.#host?.union ?? '', checkFilter(filter)),
      handler,
    )
    try {
      this.hub.listen(listener.topic, listener)
    } catch (error) {
      throw fromEngine(error)
    }
    this.#listeners.add(listener)
    return listener
  }

  close(options: WaitOptions = {}): Promise<void> {
    return (this.#closing ??= this.#close(options))
  }

  closeConsumer(consumer: MemoryConsumer): void {
    if (this.#consumers.delete(consumer) && this.state.status !== 'reconnecting')
      this.hub.removeConsumer(consumer)
  }

  closeListener(listener: MemoryListener): void {
    if (this.#listeners.delete(listener)) this.hub.unlisten(listener.topic, listener)
  }

  /** An event of a task that this application sent or attached to. */
  hear(event: StatusEvent | CompleteEvent): void {
    if (this.isOver || this.#host === undefined) return
    if (this.state.status !== 'reconnecting') return this.guard(this.#host.onEvent, event)
    // Progress is at most once; of completions there is one a task.
    if (event.action === 'complete') this.#held.push(event)
  }

  /** Calls the application; what it throws is its own, and stops nothing here. */
  guard<V>(call: (value: V) => void, value: V): void {
    try {
      call(value)
    } catch (error) {
      this.#host?.logger.error('a callback of the memory transport threw', { error })
    }
  }

  /** The connection is gone, until `heal`. */
  cut(): void {
    if (this.state.status !== 'ready') return
    const error = new AetherError('ERR_AETHER_TRANSPORT_LOST', 'the memory transport was cut off', {
      retryable: true,
    })
    this.#states.set({ status: 'reconnecting', attempt: 1, error })
    this.#disconnect()
  }

  heal(): void {
    if (this.state.status === 'reconnecting') this.#connect()
  }

  #connect(): void {
    this.#states.set({ status: 'ready', generation: ++this.#generation })
    for (const listener of this.#listeners) this.hub.listen(listener.topic, listener)
    for (const consumer of this.#consumers) this.hub.addConsumer(consumer)
    const held = this.#held
    this.#held = []
    for (const event of held) this.hub.later(() => this.hear(event))
    this.#room.open()
  }

  #disconnect(): void {
    this.hub.disconnect(this)
    for (const listener of this.#listeners) this.hub.unlisten(listener.topic, listener)
  }

  async #close({ signal }: WaitOptions): Promise<void> {
    const wasReady = this.state.status === 'ready'
    this.#states.set({ status: 'closing' })
    this.#room.clear(closedError())
    // What was said before still reaches the application, unless it is in a hurry.
    if (wasReady && signal?.aborted !== true) await new Promise<void>((resolve) => this.hub.later(resolve))
    this.#disconnect()
    this.#consumers.clear()
    this.#listeners.clear()
    this.#held = []
    this.#states.set({ status: 'closed' })
    this.hub.leave(this)
  }

  /** Whether a call may go on at once. Throws where it may not go on at all. */
  #isReady(options: WaitOptions | undefined): boolean {
    if (this.#closing !== undefined) throw closedError()
    options?.signal?.throwIfAborted()
    return this.#states.state.status === 'ready'
  }

  async #wait(options: WaitOptions = {}): Promise<void> {
    await this.#room.wait(options)
    // Cut off or closed again before this call had its turn.
    if (!this.#isReady(options)) await this.#wait(options)
  }

  /** The key of a route, checked; the last one is remembered, since tasks of one kind come in a row with the same object. */
  #key(route: Route): string {
    if (route === this.#lastRoute) return this.#lastKey
    const key = routeKey(checkRoute(route))
    this.#lastRoute = route
    this.#lastKey = key
    return key
  }
}

/** Who hears the events of one `listen`. */
export class MemoryListener implements Listener {
  readonly endpoint: Endpoint
  readonly topic: string
  readonly #handler: (event: AetherEvent) => void
  #isClosed = false

  constructor(endpoint: Endpoint, topic: string, handler: (event: AetherEvent) => void) {
    this.endpoint = endpoint
    this.topic = topic
    this.#handler = handler
  }

  hear(event: AetherEvent): void {
    if (!this.#isClosed && !this.endpoint.isOver) this.endpoint.guard(this.#handler, event)
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.endpoint.closeListener(this)
  }
}
