import {
  type CompleteEvent,
  type ConsumeOptions,
  type Delivery,
  type ErrorShape,
  isAetherError,
  type Logger,
  type ReleaseOptions,
  type Route,
  type StatusEvent,
} from '@aether/core'
import { asError } from '../errors.ts'
import { CallerBook, type LastWord } from './caller-book.ts'
import { PubSubDelivery, type DeliveryHost } from './delivery.ts'
import { tooMany } from './ends.ts'
import { writeEvent } from './event-frame.ts'
import { Kind, writeError } from './frames.ts'
import { maxEntries, type Opening } from './hello-frame.ts'
import { LocalConsumer, LocalPool } from './local-consumer.ts'
import type { Batch, Outbox } from './outbox.ts'
import type { PubSubSettings } from './settings.ts'
import type { TaskFrame } from './task-frame.ts'

/** How long a last word is kept for a caller that was away: longer than any wait for a connection should be. */
const recentTtlMs = 60_000
const maxRecentBytes = 16_777_216
const maxBooks = 10_000
/** No server takes less at once than a mebibyte, and what stands around a body is less than half of that. */
const mayBeRefused = 500_000

export interface AcceptorHost {
  readonly settings: PubSubSettings
  readonly outbox: Outbox
  readonly logger: Logger
  readonly channelOf: (id: string) => string
  /** Tells those who listen. */
  readonly announce: (event: StatusEvent | CompleteEvent) => void
}

/** The worker's side: begins each call once, and can say of each whether it has. */
export class Acceptor implements DeliveryHost {
  readonly maxPayloadBytes: number
  readonly #host: AcceptorHost
  readonly #consumers = new Map<number, LocalConsumer>()
  readonly #pools = new Map<string, LocalPool>()
  readonly #books = new Map<string, CallerBook>()
  #recentBytes = 0
  #lastConsumer = 0
  /** A caller was forgotten: of one that is not known nobody can say that its calls never came. */
  #hasForgotten = false
  #isPumping = false
  readonly #toPump = new Set<LocalConsumer>()
  #isClosed = false

  constructor(host: AcceptorHost) {
    this.#host = host
    this.maxPayloadBytes = host.settings.maxPayloadBytes
  }

  /** Whether anything is in hand. */
  get isBusy(): boolean {
    for (const { active } of this.#books.values()) if (active.size > 0) return true
    return false
  }

  openings(union: string): readonly Opening[] {
    const openings: Opening[] = []
    for (const consumer of this.#consumers.values())
      if (!consumer.isClosed && consumer.route.union === union) openings.push(consumer.opening)
    return openings
  }

  open(route: Route, options: ConsumeOptions, handler: (delivery: Delivery) => void): LocalConsumer {
    if (this.#consumers.size >= maxEntries) throw tooMany('subscriptions', maxEntries)
    this.#lastConsumer += 1
    const pool = options.pool === undefined ? undefined : this.#poolOf(options.pool)
    const consumer = new LocalConsumer(this.#lastConsumer, { route, options, pool, handler })
    pool?.members.add(consumer)
    this.#consumers.set(consumer.number, consumer)
    return consumer
  }

  /** Nothing new; what was not begun goes back, the rest stays until it is settled. */
  shut(consumer: LocalConsumer): void {
    if (consumer.isClosed) return
    consumer.isClosed = true
    for (const delivery of [...consumer.held]) this.#refuse(delivery)
    this.#leave(consumer)
  }

  /** A task from a caller. */
  take(from: string, frame: TaskFrame): void {
    if (this.#isClosed) return
    const book = this.#bookOf(from)
    // Seen before, or given up by its caller.
    if (frame.call <= book.seen) return
    if (frame.call > book.seen + 1) this.#missed(book, frame.call)
    book.seen = frame.call
    const consumer = this.#consumers.get(frame.consumer)
    const isFull =
      consumer !== undefined && !consumer.mayBegin && consumer.held.size >= this.#host.settings.maxHeld
    if (consumer === undefined || consumer.isClosed || isFull) return this.#sayBusy(book, frame.call)
    const delivery = new PubSubDelivery(this, frame, consumer, book)
    book.active.set(frame.call, delivery)
    consumer.held.add(delivery)
    this.#pump(consumer)
  }

  /** Its caller ended it. */
  revoke(from: string, call: number, error: ErrorShape): void {
    const delivery = this.#books.get(from)?.active.get(call)
    if (delivery === undefined) return
    this.#end(delivery)
    delivery.revoke(error)
    this.#pumpAfter(delivery.consumer)
  }

  /** A caller wants to know what became of its calls. */
  ask(from: string, calls: readonly number[]): void {
    const isKnown = this.#books.has(from)
    const book = this.#bookOf(from)
    const batch = this.#host.outbox.to(book.channel)
    for (const call of calls) {
      const word = book.lastWord(call)
      if (book.active.has(call)) sayAbout(batch, Kind.running, call)
      else if (word !== undefined) this.#say(batch, call, word)
      else if (call > book.seen && (isKnown || !this.#hasForgotten)) this.#sayNever(book, batch, call)
      else sayAbout(batch, Kind.lost, call)
    }
    // What was answered with "never" must stay so, should it come after all.
    for (const call of calls) book.seen = Math.max(book.seen, call)
  }

  /** Calls come in order, so those between were lost on the way: their caller may give them to another at once. */
  #missed(book: CallerBook, call: number): void {
    // Of a caller that was forgotten nobody can tell.
    if (book.seen === 0 && this.#hasForgotten) return
    const batch = this.#host.outbox.to(book.channel)
    const first = Math.max(book.seen + 1, call - this.#host.settings.maxRecent)
    for (let missed = first; missed < call; missed++) this.#sayNever(book, batch, missed)
  }

  /** Its answer may be lost as well: then it is asked again, and never came either. */
  #sayNever(book: CallerBook, batch: Batch, call: number): void {
    sayAbout(batch, Kind.never, call)
    this.#remember(book, call, { kind: 'never' })
  }

  report(delivery: PubSubDelivery, event: StatusEvent): Promise<unknown> {
    const batch = this.#host.outbox.to(delivery.book.channel, event.body?.length)
    writeEvent(batch.writer, delivery.call, event)
    this.#host.announce(event)
    return batch.done
  }

  complete(delivery: PubSubDelivery, event: CompleteEvent): Promise<unknown> {
    if ((event.body?.length ?? 0) > mayBeRefused) return this.#completeLarge(delivery, event)
    const done = this.#finish(delivery, { kind: 'complete', event })
    this.#host.announce(event)
    this.#pumpAfter(delivery.consumer)
    return done
  }

  release(delivery: PubSubDelivery, options: ReleaseOptions): Promise<unknown> {
    const done = this.#finish(delivery, { kind: 'release', options })
    this.#pumpAfter(delivery.consumer)
    return done
  }

  /** Forgets what nobody will ask for any more; called from time to time. */
  forget(nowMs: number): void {
    for (const book of this.#books.values()) this.#recentBytes -= book.forgetUntil(nowMs)
  }

  /** Gives back what was not begun. What was begun stays where it is: its callers learn that this worker is gone. */
  close(): void {
    this.#isClosed = true
    for (const consumer of this.#consumers.values()) {
      consumer.isClosed = true
      for (const delivery of [...consumer.held]) this.#refuse(delivery)
    }
    for (const book of this.#books.values()) for (const delivery of book.active.values()) delivery.abandon()
    this.#books.clear()
    this.#consumers.clear()
    this.#pools.clear()
  }

  /** Begins what may be begun. A handler that settles at once comes here again from within: then the loop goes on, not the stack. */
  #pump(consumer: LocalConsumer): void {
    this.#toPump.add(consumer)
    if (this.#isPumping) return
    this.#isPumping = true
    try {
      for (const next of this.#toPump) {
        this.#toPump.delete(next)
        this.#beginAll(next)
      }
    } finally {
      this.#isPumping = false
    }
  }

  #beginAll(consumer: LocalConsumer): void {
    while (consumer.mayBegin) {
      const [delivery] = consumer.held
      if (delivery === undefined) return
      consumer.held.delete(delivery)
      consumer.take()
      this.#begin(consumer, delivery)
    }
  }

  #begin(consumer: LocalConsumer, delivery: PubSubDelivery): void {
    try {
      consumer.handler(delivery)
    } catch (error) {
      this.#host.logger.error('a consumer threw', { tid: delivery.task.tid, error })
    }
  }

  /** Credit came back. */
  #pumpAfter(consumer: LocalConsumer): void {
    this.#pump(consumer)
    for (const member of consumer.pool?.members ?? []) this.#pump(member)
  }

  /** It is over here, whoever ended it. */
  #end(delivery: PubSubDelivery): void {
    const { consumer, book, call } = delivery
    book.active.delete(call)
    if (!consumer.held.delete(delivery)) consumer.giveBack()
    if (consumer.isClosed) this.#leave(consumer)
  }

  /** The server may take less at once than this transport: then the task stays in hand, to be ended otherwise. */
  async #completeLarge(delivery: PubSubDelivery, event: CompleteEvent): Promise<void> {
    const { book, call, consumer } = delivery
    const batch = this.#host.outbox.to(book.channel, event.body?.length)
    writeEvent(batch.writer, call, event)
    const failure = await batch.done.then(
      () => undefined,
      (error: unknown) => asError(error),
    )
    const isHeld = book.active.get(call) === delivery
    const isTooLarge = isAetherError(failure) && failure.code === 'ERR_AETHER_PAYLOAD_TOO_LARGE'
    if (isHeld && isTooLarge) {
      delivery.reopen()
      throw failure
    }
    if (isHeld) {
      this.#end(delivery)
      this.#remember(book, call, { kind: 'complete', event })
      this.#host.announce(event)
      this.#pumpAfter(consumer)
    }
    if (failure !== undefined) throw failure
  }

  #finish(delivery: PubSubDelivery, word: LastWord): Promise<unknown> {
    const { book, call } = delivery
    this.#end(delivery)
    this.#remember(book, call, word)
    const batch = this.#host.outbox.to(book.channel, word.kind === 'complete' ? word.event.body?.length : 0)
    this.#say(batch, call, word)
    return batch.done
  }

  #refuse(delivery: PubSubDelivery): void {
    this.#end(delivery)
    delivery.abandon()
    this.#sayBusy(delivery.book, delivery.call)
  }

  #sayBusy(book: CallerBook, call: number): void {
    sayAbout(this.#host.outbox.to(book.channel), Kind.busy, call)
    this.#remember(book, call, { kind: 'busy' })
  }

  #say({ writer }: Batch, call: number, word: LastWord): void {
    if (word.kind === 'complete') return writeEvent(writer, call, word.event)
    if (word.kind !== 'release') return sayAbout({ writer }, Kind[word.kind], call)
    const { delayMs = 0, failed = false, error } = word.options
    const start = writer.begin(Kind.release)
    writer.u32(call)
    writer.f64(delayMs)
    writer.u8(failed ? 1 : 0)
    writeError(writer, error)
    writer.end(start)
  }

  #remember(book: CallerBook, call: number, word: LastWord): void {
    const { maxRecent: max, clock } = this.#host.settings
    this.#recentBytes += book.remember(call, word, { max, untilMs: clock.monotonic() + recentTtlMs })
    if (this.#recentBytes <= maxRecentBytes) return
    for (const each of this.#books.values())
      while (this.#recentBytes > maxRecentBytes && each.recent > 0) this.#recentBytes -= each.forgetOldest()
  }

  #bookOf(id: string): CallerBook {
    const known = this.#books.get(id)
    if (known !== undefined) return known
    if (this.#books.size >= maxBooks) this.#forgetBook()
    const book = new CallerBook(id, this.#host.channelOf(id))
    this.#books.set(id, book)
    return book
  }

  /** The oldest caller for which nothing is in hand. */
  #forgetBook(): void {
    for (const [id, book] of this.#books) {
      if (book.active.size > 0) continue
      while (book.recent > 0) this.#recentBytes -= book.forgetOldest()
      this.#books.delete(id)
      this.#hasForgotten = true
      return
    }
  }

  #poolOf({ id, credit }: NonNullable<ConsumeOptions['pool']>): LocalPool {
    const known = this.#pools.get(id)
    if (known !== undefined) return known
    const pool = new LocalPool(id, credit)
    this.#pools.set(id, pool)
    return pool
  }

  #leave(consumer: LocalConsumer): void {
    if (!consumer.isIdle) return
    this.#consumers.delete(consumer.number)
    const { pool } = consumer
    pool?.members.delete(consumer)
    if (pool?.members.size === 0) this.#pools.delete(pool.id)
  }
}

function sayAbout({ writer }: Pick<Batch, 'writer'>, kind: number, call: number): void {
  const start = writer.begin(kind)
  writer.u32(call)
  writer.end(start)
}
