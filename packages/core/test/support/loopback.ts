import { AetherError } from '../../src/errors.ts'
import type { Clock } from '../../src/clock.ts'
import type {
  AetherEvent,
  Capabilities,
  CompleteEvent,
  ConsumeOptions,
  Consumer,
  Delivery,
  EventFilter,
  Listener,
  Receipt,
  ReleaseOptions,
  Route,
  StatusEvent,
  TaskMessage,
  Transport,
  TransportHost,
  TransportState,
} from '../../src/transport.ts'
import { matchesFilter } from '../../src/topic/event-filter.ts'

export const loopbackCapabilities = {
  delivery: 'at-least-once',
  redelivery: 'native',
  durable: false,
  groups: true,
  delay: true,
  priority: true,
  deadLetter: true,
  results: true,
  ordering: true,
  maxPayloadBytes: 1_024 * 1_024,
} as const satisfies Capabilities

interface Held {
  readonly message: TaskMessage
  readonly watchers: Set<Loopback>
  attempt: number
  failures: number
  lease: LoopbackDelivery | undefined
  complete: CompleteEvent | undefined
  isVisible: boolean
}

interface Subscribed extends Consumer {
  readonly route: Route
  readonly options: ConsumeOptions
  readonly owner: Loopback
  readonly handler: (delivery: Delivery) => void
  held: number
}

/**
 * The smallest engine that keeps the contract's promises within one process, for core's own tests (the real ones depend on core). Deliberately naive: one
 * list of tasks, looked through at every step.
 */
export class LoopbackHub {
  readonly clock: Clock
  readonly tasks = new Map<string, Held>()
  readonly consumers = new Set<Subscribed>()
  readonly listeners = new Set<{
    readonly filter: EventFilter
    readonly handler: (event: AetherEvent) => void
  }>()
  readonly deadLetters: string[] = []
  /** What a test wants to happen before a step; throwing makes the step fail. */
  readonly before: {
    send?: (task: TaskMessage) => Promise<void> | void
    ack?: (complete: CompleteEvent) => Promise<void> | void
    renew?: (tid: string) => Promise<void> | void
    report?: (event: StatusEvent) => Promise<void> | void
    release?: (tid: string, options: ReleaseOptions) => Promise<void> | void
  } = {}
  readonly #capabilities: Capabilities

  constructor(clock: Clock, capabilities: Partial<Capabilities> = {}) {
    this.clock = clock
    this.#capabilities = { ...loopbackCapabilities, ...capabilities }
  }

  transport(): Loopback {
    return new Loopback(this, this.#capabilities)
  }

  bury(tid: string): void {
    if (!this.#capabilities.deadLetter)
      throw new AetherError('ERR_AETHER_CAPABILITY_UNSUPPORTED', 'no dead letters are kept here')
    this.deadLetters.push(tid)
  }

  send(message: TaskMessage, watcher: Loopback): Receipt {
    const known = this.tasks.get(message.tid)
    if (known !== undefined) {
      this.watch(known, watcher)
      return { deduplicated: true }
    }
    if (!message.waitForWorkers && !this.hasWorkers(message)) {
      throw new AetherError(
        'ERR_AETHER_WORKERS_NONE',
        `no worker of ${message.workgroup} for ${message.route.task}`,
      )
    }
    const task: Held = {
      message,
      watchers: new Set([watcher]),
      attempt: 0,
      failures: 0,
      lease: undefined,
      complete: undefined,
      isVisible: message.delayMs === 0,
    }
    this.tasks.set(message.tid, task)
    if (!task.isVisible) this.clock.setTimer(() => this.show(task), message.delayMs)
    this.clock.setTimer(() => this.expire(task), Math.max(0, message.deadline - this.clock.now()))
    this.dispatch()
    return { deduplicated: false }
  }

  watch(task: Held, watcher: Loopback): void {
    task.watchers.add(watcher)
    const { complete } = task
    if (complete !== undefined) queueMicrotask(() => watcher.hear(complete))
  }

  /** Hands out whatever can be handed out, each in a turn of its own. */
  dispatch(): void {
    for (const task of this.tasks.values()) {
      if (task.complete !== undefined || task.lease !== undefined || !task.isVisible) continue
      for (const consumer of this.consumers) {
        if (!this.takes(consumer, task.message)) continue
        task.attempt += 1
        consumer.held += 1
        const delivery = new LoopbackDelivery(this, task, consumer)
        task.lease = delivery
        queueMicrotask(() => {
          if (task.lease === delivery) consumer.handler(delivery)
        })
        break
      }
    }
  }

  takes(consumer: Subscribed, message: TaskMessage): boolean {
    if (!matchesRoute(consumer, message)) return false
    if (consumer.held >= consumer.options.credit) return false
    const { pool } = consumer.options
    if (pool === undefined) return true
    let pooled = 0
    for (const other of this.consumers) {
      if (other.owner === consumer.owner && other.options.pool?.id === pool.id) pooled += other.held
    }
    return pooled < pool.credit
  }

  hasWorkers(message: TaskMessage): boolean {
    for (const consumer of this.consumers) if (matchesRoute(consumer, message)) return true
    return false
  }

  show(task: Held): void {
    task.isVisible = true
    this.dispatch()
  }

  settle(task: Held, complete: CompleteEvent): void {
    if (task.complete !== undefined) return
    task.complete = complete
    for (const watcher of task.watchers) queueMicrotask(() => watcher.hear(complete))
    this.publish(complete)
  }

  publish(event: AetherEvent): void {
    for (const { filter, handler } of this.listeners)
      if (matchesFilter(filter, event)) queueMicrotask(() => handler(event))
  }

  /** The engine takes a task out of its worker's hands. */
  revoke(
    tid: string,
    code: 'ERR_AETHER_LEASE_LOST' | 'ERR_AETHER_TASK_CANCELLED',
    detail: object = {},
  ): void {
    const task = this.tasks.get(tid)
    task?.lease?.end(new AetherError(code, `${tid} was taken away`, { detail: { ...detail } }))
  }

  cancel(tid: string, reason: string): void {
    const task = this.tasks.get(tid)
    if (task === undefined || task.complete !== undefined) {
      throw new AetherError('ERR_AETHER_TASK_UNKNOWN', `${tid} is unknown or over`, { detail: { tid } })
    }
    const error = { code: 'ERR_AETHER_TASK_CANCELLED', message: reason, retryable: false, detail: { reason } }
    this.settle(task, this.ending(task, 'cancelled', error))
    this.revoke(tid, 'ERR_AETHER_TASK_CANCELLED', { reason })
  }

  expire(task: Held): void {
    if (task.complete !== undefined) return
    const code = 'ERR_AETHER_DEADLINE_EXCEEDED'
    this.settle(task, this.ending(task, 'expired', { code, message: 'deadline', retryable: false }))
    task.lease?.end(new AetherError(code, 'deadline'))
  }

  ending(
    task: Held,
    status: 'cancelled' | 'expired' | 'failed',
    error: CompleteEvent['error'],
  ): CompleteEvent {
    const { route, tid, workgroup } = task.message
    const event: CompleteEvent = {
      action: 'complete',
      status,
      route,
      tid,
      workgroup,
      attempt: task.attempt,
      client: 'loopback',
      host: 'loopback',
      codec: 'json',
    }
    return error === undefined ? event : { ...event, error }
  }
}

function matchesRoute(consumer: Subscribed, message: TaskMessage): boolean {
  const { route, workgroup } = message
  return (
    consumer.options.workgroup === workgroup &&
    consumer.route.job === route.job &&
    consumer.route.task === route.task &&
    (consumer.route.context === '+' || consumer.route.context === route.context)
  )
}

class LoopbackDelivery implements Delivery {
  readonly attempt: number
  readonly task: TaskMessage
  readonly #hub: LoopbackHub
  readonly #held: Held
  readonly #consumer: Subscribed
  #onRevoke: ((reason: AetherError) => void) | undefined
  #reason: AetherError | undefined

  constructor(hub: LoopbackHub, held: Held, consumer: Subscribed) {
    this.#hub = hub
    this.#held = held
    this.#consumer = consumer
    this.attempt = held.attempt
    this.task = held.message
  }

  onRevoke(handler: (reason: AetherError) => void): void {
    this.#onRevoke = handler
    if (this.#reason !== undefined) handler(this.#reason)
  }

  /** Not its holder's any more: revoked with a reason, settled without. */
  end(reason?: AetherError): void {
    if (this.#held.lease !== this) return
    this.#held.lease = undefined
    this.#consumer.held -= 1
    this.#reason = reason
    if (reason !== undefined) this.#onRevoke?.(reason)
    queueMicrotask(() => this.#hub.dispatch())
  }

  async renew(): Promise<void> {
    await this.#hub.before.renew?.(this.task.tid)
    this.#check()
  }

  async report(event: StatusEvent): Promise<void> {
    await this.#hub.before.report?.(event)
    this.#check()
    for (const watcher of this.#held.watchers) watcher.hear(event)
    this.#hub.publish(event)
  }

  async ack(complete: CompleteEvent, options: { readonly deadLetter?: boolean } = {}): Promise<void> {
    await this.#hub.before.ack?.(complete)
    this.#check()
    if (options.deadLetter === true) this.#hub.bury(this.task.tid)
    this.#hub.settle(this.#held, complete)
    this.end()
  }

  async release(options: ReleaseOptions = {}): Promise<void> {
    await this.#hub.before.release?.(this.task.tid, options)
    this.#check()
    if (options.failed === true) this.#held.failures += 1
    if (this.#held.failures >= this.task.attempts) {
      this.#hub.deadLetters.push(this.task.tid)
      this.#hub.settle(this.#held, this.#hub.ending(this.#held, 'failed', options.error))
    } else if (options.delayMs !== undefined && options.delayMs > 0) {
      this.#held.isVisible = false
      this.#hub.clock.setTimer(() => this.#hub.show(this.#held), options.delayMs)
    }
    this.end()
  }

  #check(): void {
    if (this.#held.lease !== this)
      throw new AetherError('ERR_AETHER_LEASE_LOST', `${this.task.tid} is not held`)
  }
}

export class Loopback implements Transport {
  readonly name = 'loopback'
  readonly capabilities: Capabilities
  readonly hub: LoopbackHub
  readonly published: AetherEvent[] = []
  /** What `start` waits for. */
  connecting: Promise<void> = Promise.resolve()
  starts = 0
  state: TransportState = { status: 'idle' }
  #host: TransportHost | undefined
  readonly #stateWaiters = new Set<() => void>()
  readonly #history: TransportState[] = []

  constructor(hub: LoopbackHub, capabilities: Capabilities) {
    this.hub = hub
    this.capabilities = capabilities
  }

  become(state: TransportState): void {
    this.state = state
    this.#history.push(state)
    for (const wake of this.#stateWaiters) wake()
  }

  async *states(options: { readonly signal?: AbortSignal } = {}): AsyncGenerator<TransportState> {
    let seen = this.#history.length
    while (options.signal?.aborted !== true) {
      const state = this.#history[seen]
      if (state !== undefined) {
        seen += 1
        yield state
        if (state.status === 'closed' || state.status === 'failed') return
        continue
      }
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          this.#stateWaiters.delete(wake)
          options.signal?.removeEventListener('abort', wake)
          resolve()
        }
        this.#stateWaiters.add(wake)
        options.signal?.addEventListener('abort', wake, { once: true })
      })
    }
  }

  async start(host: TransportHost): Promise<void> {
    this.starts += 1
    this.#host = host
    this.become({ status: 'starting' })
    await this.connecting
    this.become({ status: 'ready', generation: 1 })
  }

  hear(event: StatusEvent | CompleteEvent): void {
    this.#host?.onEvent(event)
  }

  async send(task: TaskMessage): Promise<Receipt> {
    this.#check()
    await this.hub.before.send?.(task)
    return this.hub.send(task, this)
  }

  async attach(_route: Route, tid: string): Promise<void> {
    await Promise.resolve()
    this.#check()
    const task = this.hub.tasks.get(tid)
    if (task === undefined)
      throw new AetherError('ERR_AETHER_TASK_UNKNOWN', `${tid} is unknown`, { detail: { tid } })
    this.hub.watch(task, this)
  }

  async cancel(_route: Route, tid: string, reason: string): Promise<void> {
    await Promise.resolve()
    this.#check()
    this.hub.cancel(tid, reason)
  }

  async consume(
    route: Route,
    options: ConsumeOptions,
    handler: (delivery: Delivery) => void,
  ): Promise<Consumer> {
    await Promise.resolve()
    this.#check()
    const { consumers } = this.hub
    const consumer: Subscribed = {
      route,
      options,
      handler,
      owner: this,
      held: 0,
      close: () => {
        consumers.delete(consumer)
        return Promise.resolve()
      },
    }
    consumers.add(consumer)
    this.hub.dispatch()
    return consumer
  }

  async publish(event: AetherEvent): Promise<void> {
    await Promise.resolve()
    this.#check()
    this.published.push(event)
    this.hub.publish(event)
  }

  async listen(filter: EventFilter, handler: (event: AetherEvent) => void): Promise<Listener> {
    await Promise.resolve()
    this.#check()
    const { listeners } = this.hub
    const listener = { filter, handler }
    listeners.add(listener)
    return {
      close: () => {
        listeners.delete(listener)
        return Promise.resolve()
      },
    }
  }

  async close(): Promise<void> {
    await Promise.resolve()
    if (this.state.status === 'closed') return
    for (const consumer of this.hub.consumers)
      if (consumer.owner === this) this.hub.consumers.delete(consumer)
    for (const task of this.hub.tasks.values()) task.watchers.delete(this)
    this.become({ status: 'closed' })
  }

  #check(): void {
    if (this.state.status === 'ready') return
    throw new AetherError('ERR_AETHER_TRANSPORT_CLOSED', `loopback is ${this.state.status}`)
  }
}
