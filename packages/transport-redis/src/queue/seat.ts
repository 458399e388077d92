import {
  type Consumer,
  type ConsumeOptions,
  type Delivery,
  internRoute,
  type Route,
  type Timer,
} from '@aether/core'
import { ByteReader } from './byte-reader.ts'
import { ByteWriter } from './byte-writer.ts'
import type { Lane } from './lane.ts'
import { LeaseList } from './lease-list.ts'
import type { Pool } from './pool.ts'
import { QueueDelivery } from './queue-delivery.ts'
import { leaseLost } from './queue-errors.ts'
import type { QueueHost } from './queue-host.ts'
import { limits } from './queue-settings.ts'
import { readTask } from './task-frame.ts'
import type { TurnMember } from './turns.ts'

/** One context on which a consumer holds tasks; in a call of `work` it is named once. */
export interface Place {
  readonly seat: Seat
  readonly route: Route
  /** In which call it was named last, under which number, and the ids that are spoken of there. */
  call: number
  index: number
  ids: string[]
}

/**
 * One consumer: reserves credit, takes as many tasks, hands them out, and loses those whose lease ends. It asks again when a bell rings, when credit is free after it got
 * all it asked for, and now and then in any case.
 */
export class Seat implements Consumer, TurnMember {
  readonly lane: Lane
  /** Instance, number and lease: what Redis knows the consumer by. */
  readonly name: string
  readonly workgroup: string
  readonly context: string
  readonly leaseMs: number
  readonly #host: QueueHost
  readonly #route: Route
  readonly #credit: number
  readonly #pool: Pool | undefined
  readonly #handler: (delivery: Delivery) => void
  readonly #places = new Map<string, Place>()
  readonly #held = new LeaseList()
  #used = 0
  #isOpen = false
  #isHungry = true
  #isTaking = false
  /** A take whose answer was lost may have left tasks here that nobody knows of. */
  #isUnsure = false
  #askedAtMs = 0
  /** What a task weighs here, as far as is known. */
  #bytesEach = 131_072
  #timer: Timer | undefined
  #closing: Promise<void> | undefined

  constructor(
    host: QueueHost,
    lane: Lane,
    parts: {
      readonly number: number
      readonly route: Route
      readonly options: ConsumeOptions
      readonly pool: Pool | undefined
      readonly handler: (delivery: Delivery) => void
    },
  ) {
    const { route, options } = parts
    this.#host = host
    this.lane = lane
    this.#route = route
    this.leaseMs = Math.ceil(options.leaseMs)
    this.name = `${host.instance}:${parts.number}:${this.leaseMs}`
    this.workgroup = options.workgroup
    this.context = route.context
    this.#credit = options.credit
    this.#pool = parts.pool
    this.#pool?.join(this)
    this.#handler = parts.handler
  }

  /** The subscription stands: from now on it takes. */
  open(): void {
    if (this.#closing !== undefined) return
    this.#isOpen = true
    this.#host.turns.add(this)
  }

  /** There may be work. */
  ring(): void {
    this.#isHungry = true
    if (this.#room() <= 0 && this.#isOpen && !this.#isTaking) void this.#passOn()
    this.#host.turns.add(this)
  }

  /** There is room again. */
  wake(): void {
    if (this.#isHungry && this.#isOpen && !this.#isTaking) this.#host.turns.add(this)
  }

  /** Bells may be lost: now and then it asks all the same. */
  poll(nowMs: number): void {
    if (nowMs - this.#askedAtMs < limits.pollMs) return
    this.#isHungry = true
    this.wake()
  }

  /** There is another connection: bells were lost, and perhaps more. */
  reconnected(): void {
    this.#isHungry = true
    this.wake()
  }

  pump(): void {
    if (!this.#isOpen || this.#isTaking || !this.#isHungry) return
    if (this.#isUnsure) return void this.#regain()
    const want = Math.min(this.#room(), limits.batchCount, Math.ceil(limits.batchBytes / this.#bytesEach))
    if (want > 0) void this.#take(want)
  }

  /** Redis says that it holds this one no longer. */
  revoke(context: string, id: string, attempt: number, why: (tid: string) => Error): void {
    for (const delivery of this.#held)
      if (delivery.id === id && delivery.attempt === attempt && delivery.place.route.context === context) {
        delivery.revoke(why(delivery.task.tid))
        return
      }
  }

  /** The lease of a delivery was renewed by what was sent at `atMs`. */
  renewed(delivery: QueueDelivery, atMs: number): void {
    delivery.leaseEndsAtMs = Math.max(delivery.leaseEndsAtMs, atMs + this.leaseMs)
    this.#held.toEnd(delivery)
  }

  /** It is settled, lost or revoked: its credit is free. */
  letGo(delivery: QueueDelivery): void {
    this.#held.remove(delivery)
    this.#giveBack(1)
    if (this.#held.first !== undefined) return
    this.#timer?.cancel()
    this.#timer = undefined
    if (this.#closing !== undefined) this.lane.removeSeat(this)
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  /** The transport closes, and what is held goes back at once; without `isTold` Redis learns it by leases that end. */
  async leave(isTold: boolean): Promise<void> {
    this.#closing ??= Promise.resolve()
    this.#stop()
    for (const delivery of [...this.#held]) delivery.abandon()
    this.#timer?.cancel()
    if (isTold) await this.#say(true, [])
  }

  /** As `tick` reads it; false where it takes nothing now. */
  register(out: ByteWriter): boolean {
    if (this.#closing !== undefined) return false
    out.text(this.workgroup).text(this.context).text(this.name).u48(this.leaseMs)
    return true
  }

  #room(): number {
    const own = this.#credit - this.#used
    return this.#pool === undefined ? own : Math.min(own, this.#pool.free)
  }

  #giveBack(count: number): void {
    if (count === 0) return
    this.#used -= count
    if (this.#pool === undefined) this.wake()
    else this.#pool.giveBack(count, this)
  }

  async #take(want: number): Promise<void> {
    this.#isTaking = true
    this.#isHungry = false
    this.#used += want
    this.#pool?.use(want)
    this.#askedAtMs = this.#host.clock.monotonic()
    let got = 0
    try {
      const reply = (await this.lane.run(this.#host.scripts.take, this.#ask(want))) as Buffer
      got = this.#onTaken(reply, want)
    } catch (error) {
      this.#onRefused(error)
    } finally {
      this.#isTaking = false
      this.#giveBack(want - got)
      this.wake()
    }
  }

  #ask(want: number): Buffer {
    return new ByteWriter().text(this.workgroup).text(this.context).text(this.name).u32(want).take()
  }

  /** How many of them are in hand now. */
  #onTaken(reply: Buffer, want: number): number {
    const { clock } = this.#host
    const endsAtMs = this.#askedAtMs + this.leaseMs
    const reader = new ByteReader(reply)
    const aheadMs = clock.now() - reader.u48()
    if (reader.u32() > 0) this.#host.onForeign(`the queue of ${this.lane.name}`)
    const taken: QueueDelivery[] = []
    let count = 0
    for (; !reader.isAtEnd; count++) {
      const id = reader.text()
      const attempt = reader.u32()
      const place = this.#place(reader.text())
      const entry = reader.view(reader.u32())
      if (this.#closing !== undefined) continue
      if (clock.monotonic() >= endsAtMs) {
        // It came so late that its lease may be over: it goes back, as if it had been lost on its way.
        this.#isUnsure = true
        continue
      }
      const delivery = this.#deliver(place, id, attempt, entry, aheadMs)
      if (delivery === undefined) continue
      delivery.leaseEndsAtMs = endsAtMs
      this.#held.add(delivery)
      taken.push(delivery)
    }
    if (count === want || this.#isUnsure) this.#isHungry = true
    if (count > 0) this.#bytesEach = Math.max(256, Math.ceil((this.#bytesEach + reply.length / count) / 2))
    if (taken.length > 0) this.#arm()
    for (const delivery of taken) this.#hand(delivery)
    return taken.length
  }

  #deliver(
    place: Place,
    id: string,
    attempt: number,
    entry: Buffer,
    aheadMs: number,
  ): QueueDelivery | undefined {
    try {
      const task = readTask(entry, place.route, aheadMs)
      return new QueueDelivery(this.#host, place, id, attempt, task)
    } catch (error) {
      this.#host.onForeign(`the queue of ${this.lane.name}`, error)
      this.lane.discard(place, id, attempt)
      return undefined
    }
  }

  #hand(delivery: QueueDelivery): void {
    if (this.#closing !== undefined) return
    try {
      this.#handler(delivery)
    } catch (error) {
      this.#host.logger.error('a consumer of the Redis transport threw', { error })
    }
  }

  #place(context: string): Place {
    let place = this.#places.get(context)
    if (place === undefined) {
      const { route } = this
      if (this.#places.size >= 10_000) this.#places.clear()
      place = {
        seat: this,
        route: context === route.context ? route : routeIn(route, context),
        call: 0,
        index: 0,
        ids: [],
      }
      this.#places.set(context, place)
    }
    return place
  }

  get route(): Route {
    return this.#route
  }

  #onRefused(error: unknown): void {
    this.#isUnsure = true
    if (this.#host.isClosing || this.#closing !== undefined) return
    // The poll asks again; after a lost connection the next one does.
    this.#host.logger.debug('a consumer could not ask Redis for tasks', { error })
  }

  /** A bell that cannot be answered rings for another. */
  async #passOn(): Promise<void> {
    try {
      await this.lane.run(this.#host.scripts.take, this.#ask(0))
    } catch (error) {
      this.#host.logger.debug('a bell could not be passed on', { error })
    }
  }

  /** Tells Redis what is here, so that what got lost on its way goes elsewhere; then it takes. */
  async #regain(): Promise<void> {
    this.#isTaking = true
    const isKnown = await this.#say(false, [...this.#held])
    this.#isTaking = false
    if (!isKnown) return
    this.#isUnsure = false
    this.wake()
  }

  async #say(isLeaving: boolean, known: readonly QueueDelivery[]): Promise<boolean> {
    const input = new ByteWriter()
      .u8(isLeaving ? 1 : 0)
      .text(this.workgroup)
      .text(this.context)
      .text(this.name)
      .u32(known.length)
    for (const { place, id } of known) input.text(place.route.context).short(id)
    try {
      await this.lane.run(this.#host.scripts.regain, input.take())
      return true
    } catch (error) {
      // Leases that cannot be returned end by themselves.
      this.#host.logger.debug('a consumer could not tell Redis what it holds', { error })
      return false
    }
  }

  async #close(): Promise<void> {
    const wasOpen = this.#isOpen
    this.#stop()
    if (wasOpen) await this.#say(true, [...this.#held])
  }

  #stop(): void {
    this.#isOpen = false
    this.#pool?.leave(this)
    if (this.#held.first === undefined) this.lane.removeSeat(this)
  }

  /** A delivery that was to be settled is in hand again. */
  rearm(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    this.#arm()
  }

  #arm(): void {
    if (this.#timer !== undefined) return
    const { clock } = this.#host
    for (const delivery of this.#held) {
      // What is being settled learns from Redis how it ended.
      if (delivery.isSettling) continue
      const inMs = Math.max(1, delivery.leaseEndsAtMs - clock.monotonic())
      this.#timer = clock.setTimer(() => this.#onLeaseEnds(), inMs)
      return
    }
  }

  #onLeaseEnds(): void {
    this.#timer = undefined
    const nowMs = this.#host.clock.monotonic()
    for (const delivery of [...this.#held]) {
      if (delivery.leaseEndsAtMs > nowMs) break
      if (!delivery.isSettling) delivery.revoke(leaseLost(delivery.task.tid, delivery.attempt))
    }
    this.#arm()
  }
}

function routeIn(route: Route, context: string): Route {
  const { union, job, task } = route
  return internRoute(`${union}/${job}/${task}/${context}`) ?? { union, job, task, context }
}
