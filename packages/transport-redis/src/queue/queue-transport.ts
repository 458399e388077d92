import {
  type AetherEvent,
  type Capabilities,
  checkName,
  checkRoute,
  type Clock,
  type CompleteEvent,
  type ConsumeOptions,
  type Consumer,
  type Delivery,
  type EventFilter,
  type Listener,
  type Logger,
  matchesFilter,
  parseTopic,
  type Receipt,
  type Route,
  routeCache,
  silentLogger,
  type StatusEvent,
  systemClock,
  type TaskMessage,
  topicOf,
  type Transport,
  type TransportHost,
  type TransportState,
  type WaitOptions,
} from '@aether/core'
import { randomBytes } from 'node:crypto'
import { closedError } from '../errors.ts'
import type { RedisLink, Subscription } from '../link/redis-link.ts'
import { abortable } from './abortable.ts'
import { ByteWriter } from './byte-writer.ts'
import { Caller, type CallerHost } from './caller.ts'
import { checkBody, checkConsume, checkFilter } from './check-input.ts'
import { checkPersistence } from './check-persistence.ts'
import { deadLetterOf, type QueueDeadLetter } from './dead-letter.ts'
import { readEvent, writeEvent } from './event-frame.ts'
import { readInbox } from './inbox.ts'
import { eventChannel, eventPattern, inboxChannel, keyBase, laneOf } from './keys.ts'
import { Lane } from './lane.ts'
import { Pool } from './pool.ts'
import { invalidInput } from './queue-errors.ts'
import type { QueueScripts } from './queue-scripts.ts'
import { limits, type QueueSettings } from './queue-settings.ts'
import { Seat } from './seat.ts'
import { Turns } from './turns.ts'

export interface QueueParts<C extends Capabilities> {
  /** `redis-streams`, `redis-lists`. */
  readonly name: string
  readonly link: RedisLink
  readonly scripts: QueueScripts
  readonly settings: QueueSettings
  readonly capabilities: C
  readonly clock?: Clock
  readonly random?: () => number
}

/** A transport whose queue is Redis itself, be it streams or lists. */
export interface QueueTransport<C extends Capabilities = Capabilities> extends Transport<C> {
  /** The dead letters of one job/task, oldest first; the context of the route may be `+`. */
  deadLetters(route: Route, options?: { readonly limit?: number }): Promise<readonly QueueDeadLetter[]>
}

/** Makes a transport of a link and the scripts of a mode. */
export function createQueueTransport<C extends Capabilities>(parts: QueueParts<C>): QueueTransport<C> {
  return new RedisQueueTransport(parts)
}

class RedisQueueTransport<C extends Capabilities> implements QueueTransport<C>, CallerHost {
  readonly name: string
  readonly capabilities: C
  readonly link: RedisLink
  readonly scripts: QueueScripts
  readonly settings: QueueSettings
  readonly clock: Clock
  readonly random: () => number
  readonly turns = new Turns()
  /** Its full name is known at `start`. */
  instance: string = randomBytes(6).toString('base64url')
  client = ''
  machine = ''
  logger: Logger = silentLogger
  isClosing = false
  readonly #caller: Caller
  readonly #lanes = new Map<string, Lane>()
  readonly #pools = new Map<string, Pool>()
  readonly #routes = routeCache()
  readonly #writer = new ByteWriter()
  #application: TransportHost | undefined
  #inbox: Subscription | undefined
  #generation = 0
  #seatNumber = 0
  #foreign = 0
  #closing: Promise<void> | undefined

  constructor(parts: QueueParts<C>) {
    const { settings } = parts
    this.name = parts.name
    this.capabilities = parts.capabilities
    this.link = parts.link
    this.scripts = parts.scripts
    this.settings = settings
    this.clock = parts.clock ?? systemClock
    this.random = parts.random ?? Math.random
    this.#caller = new Caller(this, (lane) => this.#forget(lane))
  }

  get state(): TransportState {
    return this.link.state
  }

  states(options?: WaitOptions): AsyncIterable<TransportState> {
    return this.link.states(options)
  }

  async start(host: TransportHost, options: WaitOptions = {}): Promise<void> {
    options.signal?.throwIfAborted()
    this.#checkOpen()
    if (this.#application !== undefined)
      throw invalidInput('start', 'called once: a transport belongs to one application')
    this.#application = host
    this.client = host.client
    this.instance = `${shown(this.settings.consumerName ?? host.client)}-${this.instance}`
    this.machine = host.host
    this.logger = host.logger
    void this.#watch()
    await this.link.start(host.logger, options)
    this.#inbox = await this.link.subscribe(inboxChannel(this.settings.prefix, this.instance), (message) =>
      this.#onMessage(message),
    )
    // Rejects for nothing, and nobody waits for what it finds.
    void checkPersistence(this.link, this.logger)
  }

  /** One promise a task, while there is no signal. */
  send(task: TaskMessage, options?: WaitOptions): Promise<Receipt> {
    try {
      this.#checkCall(options)
      return abortable(this.#caller.send(task, options?.signal), options?.signal)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  async attach(route: Route, tid: string, options?: WaitOptions): Promise<void> {
    this.#checkCall(options)
    return abortable(this.#caller.attach(route, tid), options?.signal)
  }

  async cancel(route: Route, tid: string, reason: string, options?: WaitOptions): Promise<void> {
    this.#checkCall(options)
    return abortable(this.#caller.cancel(route, tid, reason), options?.signal)
  }

  async consume(
    route: Route,
    options: ConsumeOptions,
    handler: (delivery: Delivery) => void,
  ): Promise<Consumer> {
    this.#checkOpen()
    checkConsume(route, options)
    const lane = this.lane(laneOf(route))
    const pool = options.pool === undefined ? undefined : this.#pool(options.pool)
    const seat = new Seat(this, lane, { number: ++this.#seatNumber, route, options, pool, handler })
    lane.addSeat(seat)
    try {
      // Subscribes; what is sent from now on is for this workgroup too.
      await lane.tick()
      this.#checkOpen()
    } catch (error) {
      await seat.leave(false)
      throw error
    }
    seat.open()
    return { close: () => seat.close() }
  }

  async publish(event: AetherEvent, options?: WaitOptions): Promise<void> {
    this.#checkCall(options)
    checkRoute(event.route)
    checkName('tid', event.tid)
    checkBody(
      `a ${event.action} event`,
      'body' in event ? event.body : undefined,
      this.settings.maxPayloadBytes,
    )
    writeEvent(this.#writer, event)
    const channel = eventChannel(this.settings.prefix, topicOf(event.route, event.tid, event.action))
    await this.link.publish(channel, this.#writer.take(), options)
  }

  async listen(filter: EventFilter, handler: (event: AetherEvent) => void): Promise<Listener> {
    this.#checkOpen()
    checkFilter(filter)
    const wanted = { ...filter }
    const { prefix } = this.settings
    let isOpen = true
    const subscription = await this.link.subscribePattern(
      eventPattern(prefix, this.#application?.union ?? '', wanted),
      (message, channel) => {
        const event = isOpen ? this.#readPublished(message, channel) : undefined
        if (event !== undefined && matchesFilter(wanted, event)) handler(event)
      },
    )
    return {
      close: () => {
        isOpen = false
        return subscription.close()
      },
    }
  }

  async deadLetters(
    route: Route,
    options: { readonly limit?: number } = {},
  ): Promise<readonly QueueDeadLetter[]> {
    this.#checkOpen()
    checkRoute(route, { wildcards: true })
    const key = `${keyBase(this.settings.prefix, laneOf(route))}/dead`
    const limit = options.limit ?? this.settings.maxDeadLetters
    const reply = await this.link.command('XRANGE', [key, '-', '+', 'COUNT', limit])
    const letters = (reply as readonly (readonly [Buffer, readonly Buffer[]])[]).map(([id, fields]) =>
      deadLetterOf(route, id.toString(), fields),
    )
    return letters.filter(({ task }) => route.context === '+' || task.route.context === route.context)
  }

  close(options: WaitOptions = {}): Promise<void> {
    this.#closing ??= this.#close(options.signal)
    return this.#closing
  }

  lane(name: string): Lane {
    let lane = this.#lanes.get(name)
    if (lane === undefined) {
      lane = new Lane(name, this, this.#caller)
      this.#lanes.set(name, lane)
    }
    return lane
  }

  onEvent(event: StatusEvent | CompleteEvent): void {
    const application = this.#application
    if (application === undefined || this.isClosing) return
    try {
      application.onEvent(event)
    } catch (error) {
      this.logger.error('a callback of the Redis transport threw', { error })
    }
  }

  onForeign(where: string, error?: unknown): void {
    if (++this.#foreign === 1)
      this.logger.warn('something foreign was found and left out; more of it is not reported', {
        where,
        error,
      })
  }

  async #watch(): Promise<void> {
    for await (const state of this.link.states()) {
      if (state.status !== 'ready' || this.isClosing) continue
      const isFirst = this.#generation === 0
      this.#generation = state.generation
      if (isFirst) continue
      this.#caller.reconnected()
      for (const lane of this.#lanes.values()) lane.reconnected()
    }
  }

  #onMessage(message: Buffer): void {
    try {
      readInbox(message, this.#lanes, (lane, tid, event) => this.#caller.onEvent(lane, tid, event))
    } catch (error) {
      this.onForeign(`the inbox of ${this.instance}`, error)
    }
  }

  #readPublished(message: Buffer, channel: string): AetherEvent | undefined {
    const at = parseTopic(channel.slice(eventChannel(this.settings.prefix, '').length), this.#routes)
    if (at === undefined || at.action === 'perform') return undefined
    try {
      const event = readEvent(message, at.route, at.tid)
      return event.action === at.action ? event : undefined
    } catch (error) {
      this.onForeign(channel, error)
      return undefined
    }
  }

  #pool({ id, credit }: NonNullable<ConsumeOptions['pool']>): Pool {
    for (const [known, pool] of this.#pools) if (known !== id && pool.isEmpty) this.#pools.delete(known)
    let pool = this.#pools.get(id)
    if (pool === undefined) {
      pool = new Pool(credit)
      this.#pools.set(id, pool)
    }
    return pool
  }

  #forget(lane: Lane): void {
    if (this.#lanes.get(lane.name) === lane) this.#lanes.delete(lane.name)
    lane.close(closedError())
  }

  async #close(signal: AbortSignal | undefined): Promise<void> {
    this.isClosing = true
    try {
      if (this.link.state.status === 'ready') await this.#sayGoodbye(signal)
    } finally {
      const error = closedError()
      this.#caller.close(error)
      for (const lane of this.#lanes.values()) {
        for (const seat of lane.seats.values()) void seat.leave(false)
        lane.close(error)
      }
      this.turns.flush()
      this.#lanes.clear()
      await this.link.close()
    }
  }

  /** Everything that was said goes out, and everything held goes back; an aborted close does not wait long for the answers. */
  async #sayGoodbye(signal: AbortSignal | undefined): Promise<void> {
    this.turns.flush()
    const leaving = [...this.#lanes.values()].flatMap((lane) =>
      [...lane.seats.values()].map((seat) => seat.leave(true)),
    )
    if (this.#inbox !== undefined) leaving.push(this.#inbox.close())
    const waitMs = signal?.aborted === true ? limits.closeMs / 2 : limits.closeMs
    let timer: { cancel(): void } | undefined
    const late = new Promise<void>((resolve) => {
      timer = this.clock.setTimer(resolve, waitMs)
    })
    await Promise.race([Promise.allSettled(leaving), late])
    timer?.cancel()
  }

  #checkOpen(): void {
    const { status } = this.link.state
    if (this.isClosing || status === 'closing' || status === 'closed') throw closedError()
  }

  #checkCall(options: WaitOptions | undefined): void {
    this.#checkOpen()
    options?.signal?.throwIfAborted()
  }
}

/** What Redis shows of an instance, in front of what makes it unlike any other. */
function shown(name: string): string {
  return name.replaceAll(/[^\w.@-]/g, '_').slice(0, 32)
}
