import { randomBytes } from 'node:crypto'
import {
  AetherError,
  type AetherEvent,
  checkName,
  checkRoute,
  type CompleteEvent,
  type ConsumeOptions,
  type Consumer,
  type Delivery,
  type EventFilter,
  type Listener,
  type Receipt,
  type Route,
  routeCache,
  type StatusEvent,
  type TaskMessage,
  type Transport,
  type TransportHost,
  type TransportState,
  type WaitOptions,
} from '@aether/core'
import type { RedisPubsubCapabilities } from '../capabilities.ts'
import { closedError } from '../errors.ts'
import type { RedisLink } from '../link/redis-link.ts'
import { Acceptor } from './acceptor.ts'
import { Caller } from './caller.ts'
import { type Channels, channelsOf } from './channels.ts'
import { checkConsume, checkFilter, checkSize, checkTask, unsupported } from './check-input.ts'
import { unknownTask } from './ends.ts'
import { readBroadcast, writeBroadcast } from './event-frame.ts'
import { ForeignLog } from './foreign-log.ts'
import { ForeignMessage, FrameReader } from './frame-reader.ts'
import type { FrameWriter } from './frame-writer.ts'
import { Kind, readHead } from './frames.ts'
import { Hearing } from './hearing.ts'
import { Listeners } from './listeners.ts'
import { Outbox } from './outbox.ts'
import type { UnionRoster } from './roster.ts'
import type { PubSubSettings } from './settings.ts'
import { Unions } from './unions.ts'
import { Verdict } from './roll-call.ts'

/** The parts that exist once the transport is started. */
interface Parts {
  readonly host: TransportHost
  readonly caller: Caller
  readonly acceptor: Acceptor
  readonly unions: Unions
  readonly listeners: Listeners
  readonly hearing: Hearing
}

/**
 * Mode `pubsub`: workers say what they consume, callers choose one worker of each workgroup and send to it. At most once; nothing is stored, so what a caller
 * has not handed out ends with its process.
 */
export class PubSubTransport implements Transport<RedisPubsubCapabilities> {
  readonly name: string = 'redis-pubsub'
  readonly capabilities: RedisPubsubCapabilities
  readonly #link: RedisLink
  readonly #settings: PubSubSettings
  readonly #channels: Channels
  readonly #id = randomBytes(12).toString('base64url')
  readonly #outbox: Outbox
  readonly #routes = routeCache()
  readonly #foreign: ForeignLog
  #parts: Parts | undefined
  #isStarted = false
  #generation = 0
  #following: Promise<void> = Promise.resolve()
  #closing: Promise<void> | undefined

  constructor(link: RedisLink, settings: PubSubSettings, capabilities: RedisPubsubCapabilities) {
    this.capabilities = capabilities
    this.#link = link
    this.#settings = settings
    this.#channels = channelsOf(settings.prefix)
    this.#outbox = new Outbox(link, this.#id)
    this.#foreign = new ForeignLog(() => this.#parts?.host.logger)
  }

  /** What this instance is called among the others. */
  get instance(): string {
    return this.#id
  }

  /** Messages on our channels that were none of ours. */
  get foreignMessages(): number {
    return this.#foreign.count
  }

  get state(): TransportState {
    const { state } = this.#link
    return this.#closing !== undefined && state.status === 'ready' ? { status: 'closing' } : state
  }

  states(options?: WaitOptions): AsyncIterable<TransportState> {
    return this.#link.states(options)
  }

  async start(host: TransportHost, options: WaitOptions = {}): Promise<void> {
    options.signal?.throwIfAborted()
    if (this.#closing !== undefined) throw closedError()
    if (this.#isStarted)
      throw new AetherError(
        'ERR_AETHER_OPTIONS_INVALID',
        'A Redis transport belongs to one application and is started once.',
      )
    this.#isStarted = true
    checkName('union', host.union)
    await this.#link.start(host.logger, options)
    if (this.#closing !== undefined) throw closedError()
    const parts = this.#assemble(host)
    this.#parts = parts
    this.#generation = generationOf(this.#link.state)
    this.#following = this.#follow(parts)
    const inbox = this.#channels.instance(this.#id)
    await this.#link.subscribe(inbox, (message) => this.#hear(message, inbox))
    await parts.unions.join(host.union)
    if (this.#closing !== undefined) throw closedError()
  }

  send(task: TaskMessage, options?: WaitOptions): Promise<Receipt> {
    try {
      const { unions, caller } = this.#open(options)
      checkTask(task, this.#settings.maxPayloadBytes)
      const union = unions.get(task.route.union)
      if (options?.signal === undefined && union !== undefined && this.#isReady())
        return caller.send(task, union)
      return this.#sendLater(task, options)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  async attach(route: Route, tid: string, options?: WaitOptions): Promise<void> {
    this.#open(options)
    checkRoute(route)
    checkName('tid', tid)
    throw unsupported(
      'results',
      'mode pubsub keeps no results: nothing is stored, so there is nothing to attach to',
    )
  }

  async cancel(route: Route, tid: string, reason: string, options?: WaitOptions): Promise<void> {
    const { unions, caller } = this.#open(options)
    checkRoute(route)
    checkName('tid', tid)
    if (caller.cancel(route.union, tid, reason)) return
    await this.#connected(options)
    await unions.join(route.union)
    const asking = unions.ask(route.union, (writer, nonce) =>
      writeCancel(writer, { nonce, union: route.union, tid, reason }),
    )
    const verdict = await abortable(asking, options?.signal)
    this.#open()
    if (verdict !== Verdict.stopped) throw unknownTask(tid)
  }

  async consume(
    route: Route,
    options: ConsumeOptions,
    handler: (delivery: Delivery) => void,
  ): Promise<Consumer> {
    const { unions, acceptor } = this.#open()
    checkConsume(route, options)
    await this.#connected()
    await unions.join(route.union)
    this.#open()
    const consumer = acceptor.open(route, options, handler)
    let closing: Promise<void> | undefined
    const close = async (): Promise<void> => {
      acceptor.shut(consumer)
      // Without a connection nobody sends anything here; with the next one everybody is told.
      if (this.#closing === undefined && this.#isReady()) await unions.announce(route.union).catch(ignore)
    }
    try {
      await unions.announce(route.union)
    } catch (error) {
      acceptor.shut(consumer)
      throw error
    }
    return {
      close: () => {
        closing ??= close()
        return closing
      },
    }
  }

  async publish(event: AetherEvent, options?: WaitOptions): Promise<void> {
    this.#open(options)
    checkRoute(event.route)
    checkName('tid', event.tid)
    if (event.action !== 'cancel')
      checkSize(`a ${event.action} event`, event.body, this.#settings.maxPayloadBytes)
    await abortable(this.#broadcast(event), options?.signal)
  }

  async listen(filter: EventFilter, handler: (event: AetherEvent) => void): Promise<Listener> {
    const { listeners } = this.#open()
    checkFilter(filter)
    return listeners.open(filter, handler)
  }

  close(options?: WaitOptions): Promise<void> {
    this.#closing ??= this.#close(options)
    return this.#closing
  }

  async #close(options: WaitOptions | undefined): Promise<void> {
    const parts = this.#parts
    try {
      if (parts !== undefined) {
        parts.listeners.close()
        // What was not begun goes back before the goodbye, which ends the rest.
        parts.acceptor.close()
        parts.caller.close(closedError())
        parts.unions.leave()
        if (this.#link.state.status === 'ready') await this.#sayGoodbye(options?.signal)
      }
    } finally {
      await this.#link.close(options)
      await this.#following
      await this.#outbox.idle()
      if (this.#foreign.count > 0)
        parts?.host.logger.warn('messages on channels of Aether were none of ours', {
          count: this.#foreign.count,
        })
    }
  }

  /** Everything that was said leaves first, as far as that is soon. */
  async #sayGoodbye(signal: AbortSignal | undefined): Promise<void> {
    const enough = new AbortController()
    const timer = this.#settings.clock.setTimer(() => enough.abort(), this.#settings.queryMs)
    const either = signal === undefined ? enough.signal : AbortSignal.any([signal, enough.signal])
    try {
      // An impatient close has its goodbye written all the same: commands leave in order.
      this.#outbox.flush()
      await abortable(this.#outbox.idle(), either).catch(ignore)
    } finally {
      timer.cancel()
    }
  }

  #assemble(host: TransportHost): Parts {
    const shared = { settings: this.#settings, outbox: this.#outbox, host, logger: host.logger }
    const announce = (event: StatusEvent | CompleteEvent): void => this.#announce(event)
    const caller = new Caller({
      ...shared,
      isReady: () => this.#isReady(),
      announce,
      caughtUp: (union: UnionRoster) => unions.caughtUp(union),
    })
    const acceptor = new Acceptor({ ...shared, announce, channelOf: this.#channels.instance })
    const unions: Unions = new Unions({
      ...shared,
      id: this.#id,
      link: this.#link,
      channels: this.#channels,
      openings: (union) => acceptor.openings(union),
      interests: (union) => (union === host.union ? listeners.interests : []),
      onMessage: (message, channel) => this.#hear(message, channel),
      onChange: () => caller.pump(),
      onDoubt: (peer) => caller.inquire(peer),
      onGone: (peer, why) => caller.gone(peer, why),
      onBeat: (nowMs) => acceptor.forget(nowMs),
    })
    const listeners: Listeners = new Listeners({
      union: host.union,
      subscribe: ({ job, task }, onMessage) => {
        if (job === '+' || task === '+')
          return this.#link.subscribePattern(this.#channels.eventPattern(host.union, job, task), onMessage)
        const channel = this.#channels.events(host.union, job, task)
        return this.#link.subscribe(channel, (message) => onMessage(message, channel))
      },
      read: (message, channel) => this.#readEvents(message, channel),
      announce: () => (this.#closing === undefined ? unions.announce(host.union) : Promise.resolve()),
      threw: (error) => host.logger.error('a listener threw', { error }),
    })
    const hearing = new Hearing({
      ...{ id: this.#id, caller, acceptor, unions },
      ...{
        outbox: this.#outbox,
        channels: this.#channels,
        routes: this.#routes,
        clock: this.#settings.clock,
      },
    })
    return { host, caller, acceptor, unions, listeners, hearing }
  }

  /** After each new connection everyone is greeted again, and asked what became of what is open. */
  async #follow({ unions, caller }: Parts): Promise<void> {
    for await (const state of this.#link.states()) {
      if (state.status !== 'ready' || state.generation <= this.#generation || this.#closing !== undefined)
        continue
      this.#generation = state.generation
      unions.reconnected()
      caller.pump()
    }
  }

  async #sendLater(task: TaskMessage, options: WaitOptions | undefined): Promise<Receipt> {
    checkRoute(task.route)
    await this.#connected(options)
    const { union: name } = task.route
    const { unions, caller } = this.#open(options)
    const union = unions.get(name) ?? (await abortable(unions.join(name), options?.signal))
    this.#open(options)
    const receipt = caller.send(task, union)
    const signal = options?.signal
    if (signal === undefined) return receipt
    const withdraw = (): void => caller.withdraw(name, task.tid)
    signal.addEventListener('abort', withdraw, { once: true })
    return abortable(receipt, signal).finally(() => signal.removeEventListener('abort', withdraw))
  }

  #isReady(): boolean {
    return this.#link.state.status === 'ready' && this.#closing === undefined
  }

  /** Waits for the connection as any command does: bounded in number and in time. */
  async #connected(options?: WaitOptions): Promise<void> {
    if (!this.#isReady()) await this.#link.command('ping', [], options)
  }

  #announce(event: StatusEvent | CompleteEvent): void {
    const union = this.#parts?.unions.get(event.route.union)
    if (union !== undefined && union.page(event.route).isHeard) void this.#broadcast(event).catch(ignore)
  }

  #broadcast(event: AetherEvent): Promise<unknown> {
    const { union, job, task } = event.route
    const bytes = event.action === 'cancel' ? 0 : event.body?.length
    const batch = this.#outbox.to(this.#channels.events(union, job, task), bytes)
    writeBroadcast(batch.writer, event)
    return batch.done
  }

  #readEvents(message: Buffer, channel: string): readonly AetherEvent[] {
    const events: AetherEvent[] = []
    try {
      const reader = new FrameReader(message)
      readHead(reader)
      for (; !reader.isAtEnd; reader.leave())
        if (reader.next() === Kind.broadcast) events.push(readBroadcast(reader, this.#routes))
    } catch (error) {
      this.#misheard(channel, error)
    }
    return events
  }

  #hear(message: Buffer, channel: string): void {
    const parts = this.#parts
    if (parts === undefined || this.#closing !== undefined) return
    try {
      parts.hearing.hear(message)
    } catch (error) {
      this.#misheard(channel, error)
    }
    parts.caller.pumpIfNeeded()
  }

  #misheard(channel: string, error: unknown): void {
    if (error instanceof ForeignMessage) this.#foreign.add(channel, error.message)
    else this.#parts?.host.logger.error('a message of Redis was not understood', { channel, error })
  }

  #open(options?: WaitOptions): Parts {
    if (this.#closing !== undefined) throw closedError()
    options?.signal?.throwIfAborted()
    if (this.#parts === undefined)
      throw new AetherError('ERR_AETHER_OPTIONS_INVALID', 'The Redis transport is not started.')
    return this.#parts
  }
}

function generationOf(state: TransportState): number {
  return state.status === 'ready' ? state.generation : 0
}

function writeCancel(
  writer: FrameWriter,
  given: { readonly nonce: number; readonly union: string; readonly tid: string; readonly reason: string },
): void {
  const start = writer.begin(Kind.cancel)
  writer.u32(given.nonce)
  writer.text(given.union)
  writer.text(given.tid)
  writer.text(given.reason)
  writer.end(start)
}

/** Settles as `promise` does, or rejects with the signal's reason as soon as it aborts; what was begun goes on. */
function abortable<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    if (signal.aborted) onAbort()
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}

function ignore(): void {}
