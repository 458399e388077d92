import { AetherError } from '@aether/core'
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
  Route,
  StatusEvent,
  TaskMessage,
  Transport,
  TransportHost,
  TransportState,
  WaitOptions,
} from '@aether/core'

import type { TransportOverrides } from '../../src/index.ts'
import { checkBody, checkConsume, checkFilter, checkTask } from './reference-checks.ts'
import type { HubConsumer, HubLease, HubListener, ReferenceHub, Session } from './reference-hub.ts'

/** How the transport reaches its hub: what a link or an engine fault acts on. */
export interface Wire {
  readonly hub: ReferenceHub
  /** Whether a connection can be made now. */
  isUp: boolean
  /** Whether anything passes. */
  isStalled: boolean
  delayMs: number
}

interface Subscription {
  readonly open: () => void
  readonly shut: () => void
  isOpen: boolean
}

/** The contract over a `ReferenceHub`, in the plainest way that works; one defect at a time breaks it. */
export class ReferenceTransport implements Transport, Session {
  readonly name = 'reference'
  readonly capabilities: Capabilities
  state: TransportState = { status: 'idle' }
  readonly #wire: Wire
  readonly #maxPending: number
  readonly #connectTimeoutMs: number
  readonly #stateWaiters = new Set<() => void>()
  readonly #history: TransportState[] = []
  readonly #subscriptions = new Set<Subscription>()
  readonly #unsettled = new Map<string, TaskMessage | { readonly route: Route; readonly tid: string }>()
  readonly #revocations = new Map<
    HubLease,
    { reason?: AetherError; handler?: (reason: AetherError) => void }
  >()
  #host: TransportHost | undefined
  #generation = 0
  #pending = 0
  #ticker: NodeJS.Timeout | undefined
  #silentSince = 0
  #heldBack: (() => void)[] = []

  constructor(capabilities: Capabilities, wire: Wire, overrides: TransportOverrides) {
    this.capabilities = capabilities
    this.#wire = wire
    this.#maxPending = overrides.maxPending ?? 1_000
    this.#connectTimeoutMs = overrides.connectTimeoutMs ?? 10_000
  }

  async *states(): AsyncIterable<TransportState> {
    for (let index = 0; ; index += 1) {
      while (index >= this.#history.length) {
        if (this.state.status === 'closed') return
        await new Promise<void>((resolve) => this.#stateWaiters.add(resolve))
      }
      const state = this.#history[index]
      if (state === undefined) return
      yield state
      if (state.status === 'closed') return
    }
  }

  async start(host: TransportHost, options: WaitOptions = {}): Promise<void> {
    options.signal?.throwIfAborted()
    this.#refuseClosed()
    if (this.#host !== undefined && !this.#wire.hub.has('accepts-second-start'))
      throw new AetherError('ERR_AETHER_OPTIONS_INVALID', 'started before')
    this.#host = host
    this.#set({ status: 'starting' })
    await turn()
    this.#refuseClosed()
    this.#ticker = setInterval(() => this.#beat(), 20)
    this.#connect()
  }

  async send(task: TaskMessage, options: WaitOptions = {}): Promise<Receipt> {
    if (!this.#wire.hub.has('ignores-abort')) options.signal?.throwIfAborted()
    this.#refuseClosed()
    checkTask(task, this.#wire.hub, this.capabilities)
    return await this.#call(() => {
      this.#unsettled.set(keyOf(task.route, task.tid), task)
      try {
        return { deduplicated: this.#wire.hub.send(this.#damage(task), this) }
      } catch (error) {
        this.#unsettled.delete(keyOf(task.route, task.tid))
        throw error
      }
    }, options)
  }

  async attach(route: Route, tid: string, options: WaitOptions = {}): Promise<void> {
    this.#refuseClosed()
    this.#require(this.capabilities.results, 'results')
    await this.#call(() => {
      this.#unsettled.set(keyOf(route, tid), { route, tid })
      try {
        this.#wire.hub.attach(route, tid, this)
      } catch (error) {
        this.#unsettled.delete(keyOf(route, tid))
        throw error
      }
    }, options)
  }

  async cancel(route: Route, tid: string, reason: string, options: WaitOptions = {}): Promise<void> {
    if (!this.#wire.hub.has('ignores-abort')) options.signal?.throwIfAborted()
    this.#refuseClosed()
    await this.#call(() => this.#wire.hub.cancel(route, tid, reason), options)
  }

  async consume(
    route: Route,
    options: ConsumeOptions,
    handler: (delivery: Delivery) => void,
  ): Promise<Consumer> {
    this.#refuseClosed()
    checkConsume(route, options, this.#wire.hub)
    this.#require(this.capabilities.groups || options.workgroup === 'workers', 'groups')
    let current: HubConsumer[] = []
    return await this.#subscribe({
      open: () => {
        const again = this.#wire.hub.has('consumes-twice-after-reconnect') && current.length > 0 ? 2 : 1
        current = Array.from({ length: again }, () => ({
          session: this,
          route,
          options,
          handler,
          held: 0,
          lostAt: 0,
          isOpen: true,
        }))
        for (const consumer of current) this.#wire.hub.consume(consumer)
      },
      shut: () => {
        for (const consumer of current) this.#wire.hub.closeConsumer(consumer)
      },
      isOpen: true,
    })
  }

  async publish(event: AetherEvent, options: WaitOptions = {}): Promise<void> {
    this.#refuseClosed()
    if ('body' in event) checkBody(event.body, this.#wire.hub, this.capabilities)
    await this.#call(() => this.#wire.hub.publish(event), options)
  }

  async listen(filter: EventFilter, handler: (event: AetherEvent) => void): Promise<Listener> {
    this.#refuseClosed()
    checkFilter(filter, this.#wire.hub)
    const listener: HubListener = {
      union: this.#host?.union ?? '',
      filter,
      handler: (event) => {
        this.#pass(() => handler(event))
      },
    }
    let isFirst = true
    return await this.#subscribe({
      open: () => {
        if (!isFirst && this.#wire.hub.has('forgets-listeners')) return
        isFirst = false
        this.#wire.hub.listen(listener)
      },
      shut: () => this.#wire.hub.unlisten(listener),
      isOpen: true,
    })
  }

  async close(): Promise<void> {
    if (this.state.status === 'closed' || this.state.status === 'closing') return
    const { hub } = this.#wire
    this.#set({ status: 'closing' })
    if (!hub.has('leaks-a-timer')) clearInterval(this.#ticker)
    if (!hub.has('calls-handlers-after-close'))
      for (const subscription of this.#subscriptions) subscription.shut()
    hub.disconnect(this, hub.has('keeps-leases-on-close'))
    await turn()
    this.#set({ status: 'closed' })
  }

  deliver(lease: HubLease): void {
    this.#pass(() => {
      this.#revocations.set(lease, {})
      lease.consumer.handler(this.#delivery(lease))
    })
  }

  revoked(lease: HubLease, reason: AetherError): void {
    this.#pass(() => {
      const known = this.#revocations.get(lease)
      if (known === undefined) return
      known.reason = reason
      known.handler?.(reason)
    })
  }

  event(event: StatusEvent | CompleteEvent): void {
    this.#pass(() => {
      if (event.action === 'complete') this.#unsettled.delete(keyOf(event.route, event.tid))
      this.#host?.onEvent(event)
    })
  }

  /** The connection is gone; leases with it. */
  disconnected(): void {
    if (this.state.status !== 'ready') return
    const { hub } = this.#wire
    hub.disconnect(this, hub.has('keeps-leases-when-cut'))
    for (const [lease, known] of this.#revocations) {
      if (known.reason !== undefined || hub.has('keeps-leases-when-cut')) continue
      if (lease.copy.status === 'over') continue
      known.reason = new AetherError('ERR_AETHER_LEASE_LOST', 'the connection ended')
      known.handler?.(known.reason)
    }
    for (const subscription of this.#subscriptions) subscription.shut()
    const error = new AetherError('ERR_AETHER_TRANSPORT_LOST', 'cut', { retryable: true })
    this.#set({ status: 'reconnecting', attempt: 1, error })
  }

  #delivery(lease: HubLease): Delivery {
    const { hub } = this.#wire
    const settle = async <T>(action: () => T): Promise<void> => {
      this.#refuseClosed()
      await this.#call(action, {})
    }
    return {
      task: this.#damage(lease.task.message),
      attempt: lease.attempt,
      onRevoke: (handler) => {
        const known = this.#revocations.get(lease) ?? {}
        known.handler = handler
        if (known.reason !== undefined) handler(known.reason)
      },
      renew: () => settle(() => hub.renew(lease)),
      report: async (event) => {
        checkBody(event.body, hub, this.capabilities)
        await settle(() => hub.report(lease, event))
      },
      ack: async (complete, options) => {
        checkBody(complete.body, hub, this.capabilities)
        if (options?.deadLetter === true) this.#require(this.capabilities.deadLetter, 'deadLetter')
        await settle(() => {
          hub.ack(lease, complete, options?.deadLetter === true)
          this.#revocations.delete(lease)
        })
      },
      release: (options) =>
        settle(() => {
          hub.release(lease, options ?? {})
          this.#revocations.delete(lease)
        }),
    }
  }

  #damage(task: TaskMessage): TaskMessage {
    const { hub } = this.#wire
    if (hub.has('loses-headers')) return { ...task, headers: {} }
    if (!hub.has('corrupts-bytes')) return task
    return { ...task, body: new TextEncoder().encode(new TextDecoder().decode(task.body)) }
  }

  #require(isDeclared: boolean, capability: string): void {
    if (isDeclared || this.#wire.hub.has('accepts-undeclared')) return
    throw new AetherError('ERR_AETHER_CAPABILITY_UNSUPPORTED', `this transport has no ${capability}`)
  }

  #refuseClosed(): void {
    const isClosed = this.state.status === 'closed' || this.state.status === 'closing'
    if (isClosed && !this.#wire.hub.has('accepts-calls-after-close'))
      throw new AetherError('ERR_AETHER_TRANSPORT_CLOSED', 'the transport is closed')
  }

  /** Inwards: what the hub says, later where the wire is slow, never where it is stalled or gone. */
  #pass(action: () => void): void {
    const generation = this.#generation
    const run = (): void => {
      const isAllowed = this.state.status === 'ready' || this.#wire.hub.has('calls-handlers-after-close')
      if (!isAllowed || generation !== this.#generation) return
      if (this.#wire.isStalled) this.#heldBack.push(run)
      else action()
    }
    if (this.#wire.delayMs > 0) setTimeout(run, this.#wire.delayMs)
    else queueMicrotask(run)
  }

  /** Outwards: waits for a connection, within the limits. */
  async #call<T>(action: () => T, { signal }: WaitOptions): Promise<T> {
    await turn()
    if (this.#wire.delayMs > 0) await sleep(this.#wire.delayMs)
    if (this.state.status !== 'ready' || this.#wire.isStalled) await this.#waitForConnection(signal)
    return action()
  }

  async #waitForConnection(signal: AbortSignal | undefined): Promise<void> {
    const { hub } = this.#wire
    if (this.#pending >= this.#maxPending && !hub.has('waits-without-limit'))
      throw new AetherError('ERR_AETHER_QUEUE_FULL', 'too many calls wait', { retryable: true })
    this.#pending += 1
    const endsAt = performance.now() + (hub.has('waits-for-ever') ? 1e9 : this.#connectTimeoutMs)
    try {
      while (this.state.status !== 'ready' || this.#wire.isStalled) {
        this.#refuseClosed()
        signal?.throwIfAborted()
        if (performance.now() > endsAt)
          throw new AetherError('ERR_AETHER_CONNECT_TIMEOUT', 'no connection', { retryable: true })
        await sleep(5)
      }
    } finally {
      this.#pending -= 1
    }
  }

  async #subscribe(subscription: Subscription): Promise<{ close(): Promise<void> }> {
    await this.#call(() => {
      this.#subscriptions.add(subscription)
      subscription.open()
    }, {})
    return {
      close: async () => {
        if (!subscription.isOpen) return
        subscription.isOpen = false
        this.#subscriptions.delete(subscription)
        subscription.shut()
        await turn()
      },
    }
  }

  #connect(): void {
    this.#generation += 1
    this.#set({ status: 'ready', generation: this.#generation })
    for (const subscription of this.#subscriptions) subscription.open()
    if (this.#wire.hub.has('forgets-unsettled')) return
    for (const open of [...this.#unsettled.values()])
      if ('body' in open) this.#wire.hub.send(open, this)
      else this.#wire.hub.attach(open.route, open.tid, this)
  }

  /** Every 20 ms: notices a wire that is down, or has carried nothing for a while, and connects again when it is up. */
  #beat(): void {
    const { isUp, isStalled, hub } = this.#wire
    const now = performance.now()
    if (!isStalled && this.#heldBack.length > 0) {
      const ready = this.#heldBack
      this.#heldBack = []
      for (const run of ready) run()
    }
    if (!isStalled || hub.has('never-notices-stall')) this.#silentSince = now
    if (this.state.status === 'ready' && (!isUp || now - this.#silentSince > 1_500)) this.disconnected()
    else if (this.state.status === 'reconnecting' && isUp && !isStalled) this.#connect()
  }

  #set(state: TransportState): void {
    this.state = state
    this.#history.push(state)
    const waiters = [...this.#stateWaiters]
    this.#stateWaiters.clear()
    for (const wake of waiters) wake()
  }
}

function keyOf(route: Route, tid: string): string {
  return `${route.union}/${tid}`
}

function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}

function sleep(delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, delayMs)
  })
}
