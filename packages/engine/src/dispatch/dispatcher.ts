import type { Consumer } from './consumer.ts'
import type { Effects } from '../contract.ts'
import { HashTable } from '../hash-table.ts'
import type { Interest } from './interest.ts'
import { LeaseRecord } from '../queues/lease-record.ts'
import type { Pool } from './owner.ts'
import type { Queue } from '../queues/queue.ts'
import type { Tally } from '../tally.ts'
import type { Entry, Task } from '../queues/task.ts'
import type { TimingWheel } from '../timing-wheel.ts'

export type Due = Task | Entry | LeaseRecord

/**
 * Brings waiting entries and spare credit together. One rule holds between commands: a queue has a backlog only while no consumer that could take from it
 * is free. So a new entry either goes straight to a consumer or waits, and spare credit looks at backlogs only when it appears.
 */
export class Dispatcher {
  readonly leases: HashTable<LeaseRecord> = new HashTable()
  readonly #effects: Effects<unknown, unknown, unknown, unknown>
  readonly #wheel: TimingWheel<Due>
  readonly #tally: Tally
  readonly #byCredit: boolean
  #lastLease = 0

  constructor(
    effects: Effects<unknown, unknown, unknown, unknown>,
    wheel: TimingWheel<Due>,
    tally: Tally,
    byCredit: boolean,
  ) {
    this.#effects = effects
    this.#wheel = wheel
    this.#tally = tally
    this.#byCredit = byCredit
  }

  lease(id: number): LeaseRecord | undefined {
    let lease = this.leases.bucket(id)
    while (lease !== undefined && lease.id !== id) lease = lease.chained
    return lease
  }

  /** An entry became ready: delivered at once, or put into its queue; one that was delivered before goes to the front. */
  offer(entry: Entry, now: number): void {
    const { queue } = entry
    if (queue.backlog === 0) {
      const consumer = this.#consumerFor(queue)
      if (consumer !== undefined) return this.#deliver(entry, consumer, now)
      for (const link of queue.links) link.interest.ringIn(link)
    }
    entry.state = 'queued'
    this.#tally.queued++
    queue.waiting++
    if (entry.attempt > 0) return queue.pushFront(entry)
    queue.pushBack(entry)
    if (entry.task.ttlMs > 0) this.#wheel.schedule(entry, now + entry.task.ttlMs)
  }

  /** Takes a ready entry out of its queue. */
  withdraw(entry: Entry): void {
    entry.queue.remove(entry)
    this.#left(entry)
  }

  /** Gives a consumer its first credit, and the work that waits for it. */
  admit(consumer: Consumer, now: number): void {
    this.#ready(consumer)
    const ready = [consumer]
    const { pool } = consumer
    // It may have brought its pool more credit. All are ready before the first is served, so that the policy chooses among all.
    while (pool?.parked.head !== undefined && !pool.isExhausted) {
      const parked = pool.parked.head
      this.#withhold(parked)
      this.#ready(parked)
      ready.push(parked)
    }
    for (const one of ready) this.serve(one.interest, now)
  }

  /** Takes a consumer out of dispatch for good; its leases stay. */
  dismiss(consumer: Consumer): void {
    this.#withhold(consumer)
    consumer.isClosed = true
  }

  /** A consumer let a lease run out: it gets nothing until it is heard from. */
  suspect(consumer: Consumer): void {
    if (consumer.isSuspect || consumer.isClosed) return
    consumer.owner.suspects++
    this.#withhold(consumer)
    consumer.isSuspect = true
  }

  /** A consumer was heard from. What may wait for it is handed out by `serve`. */
  trust(consumer: Consumer): void {
    if (!consumer.isSuspect) return
    consumer.owner.suspects--
    consumer.isSuspect = false
    if (consumer.isClosed || !consumer.hasRoom) return
    const { pool } = consumer
    if (pool?.isExhausted === true) this.#park(consumer, pool)
    else this.#ready(consumer)
  }

  /** Ends a lease, keeping its credit in use until `free`, so that a command can end several before anything new is delivered. */
  end(lease: LeaseRecord): void {
    this.leases.remove(lease)
    this.#wheel.cancel(lease)
    lease.entry.lease = undefined
  }

  /** Returns the credit of an ended lease and puts it to use. */
  free(lease: LeaseRecord, now: number): void {
    this.restore(lease)
    this.resume(lease.holder, now)
  }

  /** Returns the credit of an ended lease; `resume` puts it to use. */
  restore(lease: LeaseRecord): void {
    const { holder } = lease
    holder.drop(lease)
    if (holder.isClosed) {
      if (holder.used === 0) holder.owner.remove(holder)
    } else if (holder.place === 'free') holder.interest.free.gave(holder)
    else if (holder.place === 'none' && holder.hasRoom) {
      // Behind those of its pool that have waited longer.
      if (holder.pool === undefined) this.#ready(holder)
      else this.#park(holder, holder.pool)
    }
  }

  /** Credit of this consumer, or of its pool, is spare again. */
  resume(holder: Consumer, now: number): void {
    if (holder.pool !== undefined) this.#wake(holder.pool, now)
    else if (!holder.isClosed) this.serve(holder.interest, now)
  }

  /** Hands out backlog while a consumer of the interest is free, one queue after the other. */
  serve(interest: Interest, now: number): void {
    for (let link = interest.ring; link !== undefined; link = interest.ring) {
      const consumer = this.#consumerFor(link.queue)
      if (consumer === undefined) return
      interest.ring = link.next
      const entry = link.queue.shift()
      if (entry === undefined) return
      this.#left(entry)
      this.#deliver(entry, consumer, now)
    }
  }

  /** An entry is out of its queue's backlog. */
  #left(entry: Entry): void {
    const { queue } = entry
    this.#wheel.cancel(entry)
    this.#tally.queued--
    queue.waiting--
    if (queue.backlog === 0) for (const link of queue.links) link.interest.ringOut(link)
  }

  #deliver(entry: Entry, consumer: Consumer, now: number): void {
    entry.state = 'leased'
    if (++entry.attempt > 1) this.#tally.redelivered++
    const lease = new LeaseRecord(++this.#lastLease, entry, consumer, now)
    entry.lease = lease
    this.leases.add(lease)
    this.#wheel.schedule(lease, now + consumer.leaseMs)
    consumer.hold(lease)
    const { pool } = consumer
    if (!consumer.hasRoom) this.#withhold(consumer)
    else if (pool !== undefined && pool.isExhausted) {
      this.#withhold(consumer)
      this.#park(consumer, pool)
    } else consumer.interest.free.took(consumer)
    this.#effects.deliver(lease)
  }

  /** Who should take the next entry of a queue, over all interests that serve it. */
  #consumerFor(queue: Queue): Consumer | undefined {
    const { links } = queue
    if (links.length === 0) return undefined
    if (links.length === 1) return this.#peek((links[0] as (typeof links)[0]).interest)
    let best: Consumer | undefined
    const start = queue.turn++ % links.length
    for (let i = 0; i < links.length; i++) {
      const link = links[(start + i) % links.length] as (typeof links)[0]
      const consumer = this.#peek(link.interest)
      if (consumer === undefined) continue
      if (!this.#byCredit) return consumer
      if (best === undefined || consumer.credit - consumer.used > best.credit - best.used) best = consumer
    }
    return best
  }

  /** The interest's next free consumer. Those whose pool turned out to be exhausted are parked on the way: each is met once for each time it is freed. */
  #peek(interest: Interest): Consumer | undefined {
    for (;;) {
      const consumer = interest.free.peek()
      if (consumer === undefined || consumer.pool === undefined || !consumer.pool.isExhausted) return consumer
      this.#withhold(consumer)
      this.#park(consumer, consumer.pool)
    }
  }

  #ready(consumer: Consumer): void {
    consumer.interest.free.add(consumer)
    consumer.place = 'free'
  }

  #withhold(consumer: Consumer): void {
    if (consumer.place === 'free') consumer.interest.free.remove(consumer)
    else if (consumer.place === 'parked') consumer.pool?.parked.remove(consumer)
    consumer.place = 'none'
  }

  #park(consumer: Consumer, pool: Pool): void {
    pool.parked.push(consumer)
    consumer.place = 'parked'
  }

  /** Frees the parked consumers of a pool, longest parked first, as far as its credit goes. */
  #wake(pool: Pool, now: number): void {
    while (!pool.isExhausted) {
      const consumer = pool.parked.head
      if (consumer === undefined) return
      this.#withhold(consumer)
      this.#ready(consumer)
      this.serve(consumer.interest, now)
    }
  }
}
