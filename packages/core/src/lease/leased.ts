import { AetherError } from '../errors.ts'
import { checkName } from '../topic/names.ts'
import { checkRoute } from '../topic/topic.ts'
import type {
  AetherEvent,
  Capabilities,
  ConsumeOptions,
  Consumer,
  Delivery,
  EventFilter,
  Listener,
  Receipt,
  Route,
  TaskMessage,
  Transport,
  TransportHost,
  TransportState,
  WaitOptions,
} from '../transport.ts'
import { Acceptor } from './acceptor.ts'
import { Caller } from './caller.ts'
import { checkConsume, checkEvent, checkFilter, checkSize, checkTask } from './check-input.ts'
import { Inquiries, unknownTask } from './inquiries.ts'
import { announce, closedError, say, type LeaseContext } from './lease-context.ts'
import { leaseSettings, type LeaseOptions, type LeaseSettings } from './lease-options.ts'
import type { LeaseDeadLetter } from './open-task.ts'
import { everyone, type Relay, type RelayCapabilities, type Signal } from './relay.ts'
import { TimerHeap } from './timer-heap.ts'

/** What a relay can do once the lease layer stands on it. */
export interface LeasedCapabilities<C extends RelayCapabilities = RelayCapabilities> extends Capabilities {
  readonly delivery: 'at-least-once'
  readonly redelivery: 'lease'
  /** The caller is the queue: what it holds ends with its process. */
  readonly durable: false
  readonly groups: C['groups']
  readonly delay: true
  readonly priority: false
  readonly deadLetter: true
  /** Nobody keeps them past the life of the instance that sent the task; until then `attach` finds them from anywhere. */
  readonly results: false
  readonly ordering: false
}

export interface LeasedTransport<C extends RelayCapabilities = RelayCapabilities> extends Transport<
  LeasedCapabilities<C>
> {
  /** Dead letters of tasks that this instance sent, oldest first. */
  readonly deadLetters: readonly LeaseDeadLetter[]
}

/** The capabilities of `leased(relay)`, as a constant that a transport can declare. */
export function leasedCapabilities<const C extends RelayCapabilities>(relay: C): LeasedCapabilities<C> {
  return {
    delivery: 'at-least-once',
    redelivery: 'lease',
    durable: false,
    groups: relay.groups,
    delay: true,
    priority: false,
    deadLetter: true,
    results: false,
    ordering: false,
    maxPayloadBytes: relay.maxPayloadBytes,
  }
}

/**
 * Makes a whole transport of a relay, which may lose, repeat, delay and reorder all it carries: tasks are offered until a worker answers, watched until they
 * end, and offered again under the next attempt when their worker is silent for a lease. While the sender lives, each accepted task ends exactly once.
 * Throws `ERR_AETHER_OPTIONS_INVALID`.
 *
 * @example
 * export const mqtt = (options: MqttOptions): Transport => leased(mqttRelay(options), options.lease)
 */
export function leased<C extends RelayCapabilities>(
  relay: Relay<C>,
  options: LeaseOptions = {},
): LeasedTransport<C> {
  return new Leased(relay, leaseSettings(options))
}

interface Sides {
  readonly context: LeaseContext
  readonly caller: Caller
  readonly acceptor: Acceptor
  readonly inquiries: Inquiries
}

class Leased<C extends RelayCapabilities> implements LeasedTransport<C> {
  readonly name: string
  readonly capabilities: LeasedCapabilities<C>
  readonly #relay: Relay<C>
  readonly #settings: LeaseSettings
  readonly #timers: TimerHeap
  #sides: Sides | undefined
  #isClosed = false
  #closing: Promise<void> | undefined

  constructor(relay: Relay<C>, settings: LeaseSettings) {
    this.name = relay.name
    this.capabilities = leasedCapabilities<C>(relay.capabilities)
    this.#relay = relay
    this.#settings = settings
    this.#timers = new TimerHeap(settings.clock)
  }

  get state(): TransportState {
    return this.#relay.state
  }

  get deadLetters(): readonly LeaseDeadLetter[] {
    return this.#sides?.caller.deadLetters ?? []
  }

  states(options?: WaitOptions): AsyncIterable<TransportState> {
    return this.#relay.states(options)
  }

  async start(host: TransportHost, options?: WaitOptions): Promise<void> {
    if (this.#closing) throw closedError(this.name)
    options?.signal?.throwIfAborted()
    if (this.#sides) {
      throw new AetherError(
        'ERR_AETHER_OPTIONS_INVALID',
        `transport ${this.name} was started before: it belongs to one application`,
      )
    }
    const context: LeaseContext = { relay: this.#relay, host, settings: this.#settings, timers: this.#timers }
    const caller = new Caller(context)
    this.#sides = { context, caller, acceptor: new Acceptor(context), inquiries: new Inquiries(context) }
    const { union, client, host: machine, logger } = host
    await this.#relay.start(
      {
        union,
        client,
        host: machine,
        logger,
        onSignal: (signal) => this.#hear(signal),
        onServed: (route, workgroup) => caller.served(route, workgroup),
      },
      options,
    )
    // It ends with the relay, and what it calls does not throw.
    void this.#follow(caller)
  }

  /** Tells the caller's side of each new connection. */
  async #follow(caller: Caller): Promise<void> {
    const { state } = this.#relay
    let generation = state.status === 'ready' ? state.generation : 0
    for await (const next of this.#relay.states()) {
      if (next.status !== 'ready' || next.generation === generation) continue
      generation = next.generation
      caller.back()
    }
  }

  async send(task: TaskMessage, options: WaitOptions = {}): Promise<Receipt> {
    const { caller } = this.#open()
    options.signal?.throwIfAborted()
    checkTask(task)
    checkSize(task.body, this.capabilities.maxPayloadBytes)
    return caller.send(task, options)
  }

  async attach(route: Route, tid: string, options: WaitOptions = {}): Promise<void> {
    const { caller, inquiries } = this.#open()
    options.signal?.throwIfAborted()
    checkRoute(route)
    checkName('tid', tid)
    if (caller.joins(route.union, tid)) return
    await inquiries.attach(route, tid, options)
  }

  async cancel(route: Route, tid: string, reason: string, options: WaitOptions = {}): Promise<void> {
    const { caller, inquiries } = this.#open()
    options.signal?.throwIfAborted()
    checkRoute(route)
    checkName('tid', tid)
    const decided = caller.cancel(route.union, tid, reason)
    if (decided === 'over') throw unknownTask(tid)
    if (decided === 'unknown') return inquiries.cancel(route, tid, { ...options, reason })
    this.#tellCancelled(route, tid, reason)
  }

  async consume(
    route: Route,
    options: ConsumeOptions,
    handler: (delivery: Delivery) => void,
  ): Promise<Consumer> {
    const { acceptor } = this.#open()
    checkConsume(route, options)
    return acceptor.consume(route, options, handler)
  }

  async publish(event: AetherEvent, options: WaitOptions = {}): Promise<void> {
    this.#open()
    options.signal?.throwIfAborted()
    checkEvent(event)
    if (event.action !== 'cancel') checkSize(event.body, this.capabilities.maxPayloadBytes)
    return this.#relay.publish(event, options)
  }

  async listen(filter: EventFilter, handler: (event: AetherEvent) => void): Promise<Listener> {
    this.#open()
    checkFilter(filter)
    return this.#relay.listen(filter, handler)
  }

  async close(options?: WaitOptions): Promise<void> {
    this.#closing ??= this.#close(options)
    return this.#closing
  }

  async #close(options: WaitOptions | undefined): Promise<void> {
    const sides = this.#sides
    try {
      sides?.inquiries.close(closedError(this.name))
      // While it still may speak: what is in hand goes to other workers at once.
      await sides?.acceptor.close()
    } finally {
      this.#isClosed = true
      sides?.caller.close()
      this.#timers.clear()
      await this.#relay.close(options)
    }
  }

  #open(): Sides {
    if (this.#closing) throw closedError(this.name)
    if (!this.#sides)
      throw new AetherError('ERR_AETHER_OPTIONS_INVALID', `transport ${this.name} is not started`)
    return this.#sides
  }

  #hear(signal: Signal): void {
    const sides = this.#sides
    if (!sides || this.#isClosed) return
    switch (signal.kind) {
      case 'renewed':
      case 'confirm':
      case 'revoke':
        return sides.acceptor.hear(signal)
      case 'attached':
      case 'settled':
      case 'stopped':
      case 'over':
        return sides.inquiries.hear(signal)
      case 'attach':
        return this.#asked(sides, signal)
      case 'cancel':
        return this.#cancelled(sides, signal)
      default:
        return sides.caller.hear(signal)
    }
  }

  #asked({ context, caller }: Sides, { route, tid, from, workgroup }: Signal): void {
    if (from === undefined || from === this.#relay.inbox) return
    const known = caller.watch(route.union, tid, from)
    if (!known) return
    const { complete, remainingMs } = known
    const base = { route, tid, workgroup, attempt: complete?.attempt ?? 0 }
    if (complete) say(context, from, { ...base, kind: 'settled', event: complete })
    else say(context, from, { ...base, kind: 'attached', delayMs: remainingMs })
  }

  #cancelled({ context, caller, acceptor }: Sides, signal: Signal): void {
    const { route, tid, from } = signal
    const reason = signal.error?.message ?? 'cancelled'
    acceptor.cancel(signal, reason)
    if (from === this.#relay.inbox) return
    // Our own announcement may come back by topic, as the word of a peer without an inbox.
    if (from === undefined && caller.isCancelled(route.union, tid)) return
    const decided = caller.cancel(route.union, tid, reason)
    if (decided === 'unknown') return
    if (from === undefined) {
      if (decided === 'cancelled') this.#tellCancelled(route, tid, reason)
      return
    }
    // Asked again because the answer was lost: it is cancelled, as was wished.
    const isStopped = decided === 'cancelled' || caller.isCancelled(route.union, tid)
    say(context, from, {
      kind: isStopped ? 'stopped' : 'over',
      route,
      tid,
      workgroup: '',
      attempt: 0,
    })
    if (decided === 'cancelled') this.#tellCancelled(route, tid, reason)
  }

  /** Offers may still be on their way, so every worker is told, and so is whoever listens. */
  #tellCancelled(route: Route, tid: string, reason: string): void {
    const { context, acceptor } = this.#sides as Sides
    const error = { code: 'ERR_AETHER_TASK_CANCELLED', message: reason, retryable: false }
    const signal: Signal = {
      kind: 'cancel',
      route,
      tid,
      workgroup: '',
      attempt: 0,
      from: this.#relay.inbox,
      error,
    }
    say(context, everyone, signal)
    acceptor.cancel(signal, reason)
    const { client, host } = context.host
    announce(context, { action: 'cancel', route, tid, client, host, reason })
  }
}
