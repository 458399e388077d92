import type { ConsumeOptions, Delivery, Route } from '@aether/core'
import type { PubSubDelivery } from './delivery.ts'
import type { Opening } from './hello-frame.ts'

/** Credit that consumers of this instance share. */
export class LocalPool {
  readonly id: string
  readonly credit: number
  readonly members: Set<LocalConsumer> = new Set()
  used = 0

  constructor(id: string, credit: number) {
    this.id = id
    this.credit = credit
  }
}

/** One subscription of this instance. What comes beyond its credit is held here, in order. */
export class LocalConsumer {
  readonly number: number
  readonly route: Route
  readonly workgroup: string
  readonly pool: LocalPool | undefined
  readonly held: Set<PubSubDelivery> = new Set()
  readonly handler: (delivery: Delivery) => void
  isClosed = false
  readonly #credit: number
  #used = 0

  constructor(
    number: number,
    given: {
      readonly route: Route
      readonly options: ConsumeOptions
      readonly pool: LocalPool | undefined
      readonly handler: (delivery: Delivery) => void
    },
  ) {
    const { workgroup, credit } = given.options
    this.number = number
    this.route = given.route
    this.workgroup = workgroup
    this.pool = given.pool
    this.handler = given.handler
    this.#credit = credit
  }

  get mayBegin(): boolean {
    if (this.isClosed || this.#used >= this.#credit) return false
    return this.pool === undefined || this.pool.used < this.pool.credit
  }

  get isIdle(): boolean {
    return this.#used === 0 && this.held.size === 0
  }

  take(): void {
    this.#used += 1
    if (this.pool !== undefined) this.pool.used += 1
  }

  giveBack(): void {
    this.#used -= 1
    if (this.pool !== undefined) this.pool.used -= 1
  }

  get opening(): Opening {
    const { job, task, context } = this.route
    return {
      consumer: this.number,
      job,
      task,
      context,
      workgroup: this.workgroup,
      credit: this.#credit,
      pool: this.pool?.id ?? '',
      poolCredit: this.pool?.credit ?? 0,
    }
  }
}
