import { ConsumerList } from './consumer-list.ts'
import type { Consumer } from './consumer.ts'

/** Credit that several consumers of one owner share. */
export class Pool {
  readonly id: string
  credit: number
  used = 0
  /** Consumers, open or with leases. */
  members = 0
  /** Those that only this pool keeps waiting, longest first. */
  readonly parked: ConsumerList = new ConsumerList()

  constructor(id: string, credit: number) {
    this.id = id
    this.credit = credit
  }

  get isExhausted(): boolean {
    return this.used >= this.credit
  }
}

/** What belongs to one owner, to be returned when it leaves. */
export class Owner {
  readonly key: unknown
  /** Consumers that are open, or closed but still hold leases. */
  readonly consumers: Set<Consumer> = new Set()
  /** How many of them let a lease run out and have not been heard from since. */
  suspects = 0
  readonly pools: Map<string, Pool> = new Map()
  readonly #all: Map<unknown, Owner>

  constructor(key: unknown, all: Map<unknown, Owner>) {
    this.key = key
    this.#all = all
  }

  /** The pool of that name, with the credit that was named last. */
  pool(id: string, credit: number): Pool {
    let pool = this.pools.get(id)
    if (pool === undefined) this.pools.set(id, (pool = new Pool(id, credit)))
    pool.credit = credit
    pool.members++
    return pool
  }

  /** A consumer is closed and holds nothing any more. */
  remove(consumer: Consumer): void {
    if (!this.consumers.delete(consumer)) return
    if (consumer.isSuspect) this.suspects--
    consumer.isSuspect = false
    const { pool } = consumer
    if (pool !== undefined && --pool.members === 0) this.pools.delete(pool.id)
    if (this.consumers.size === 0) this.#all.delete(this.key)
  }
}
