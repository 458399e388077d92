import type { AetherError, Receipt, TaskMessage, Timer } from '@aether/core'
import type { Lane, RoutePage } from './lane.ts'
import type { Passenger } from './outbox.ts'
import type { Seat } from './peer.ts'
import type { TickEntry } from './tick-wheel.ts'

const accepted: Receipt = Object.freeze({ deduplicated: false })

/**
 * `waiting` in its lane or for its time; `sending`: nobody has said yet that it arrived; `out`: with a worker; `ended`.
 */
export type HoldStatus = 'waiting' | 'sending' | 'out' | 'ended'

export interface HoldOwner {
  carried(hold: Hold, receivers: number | undefined): void
  stranded(hold: Hold, error: AetherError): void
}

/** A task in one workgroup. */
export class Hold implements Passenger {
  readonly open: OpenTask
  readonly lane: Lane
  readonly isNamed: boolean
  #status: HoldStatus = 'waiting'
  isQueued = false
  attempt = 1
  failures = 0
  seat: Seat | undefined
  call = 0
  timer: Timer | undefined
  readonly #owner: HoldOwner

  constructor(owner: HoldOwner, open: OpenTask, lane: Lane, isNamed: boolean) {
    this.#owner = owner
    this.open = open
    this.lane = lane
    this.isNamed = isNamed
    lane.holds += 1
  }

  get workgroup(): string {
    return this.lane.workgroup
  }

  get status(): HoldStatus {
    return this.#status
  }

  set status(status: HoldStatus) {
    if (status === 'ended' && this.#status !== 'ended') this.lane.holds -= 1
    this.#status = status
  }

  /** The last attempt that a worker has seen, as far as is known; 0: none. */
  get begun(): number {
    return this.seat === undefined ? this.attempt - 1 : this.attempt
  }

  carried(call: number, receivers: number | undefined): void {
    if (this.call === call && this.status === 'sending') this.#owner.carried(this, receivers)
  }

  stranded(call: number, error: AetherError): void {
    if (this.call === call && this.status === 'sending') this.#owner.stranded(this, error)
  }
}

/** A task that this instance sent and whose end it has not seen. */
export class OpenTask implements TickEntry {
  readonly task: TaskMessage
  readonly key: string
  readonly page: RoutePage
  /** Resolves when a worker has it or it waits here for one. */
  readonly receipt: Promise<Receipt>
  dueTick = 0
  /** Set right after construction. */
  named!: Hold
  observers: Hold[] | undefined
  ttlTimer: Timer | undefined
  isAccepted = false
  #resolve!: (receipt: Receipt) => void
  #reject!: (error: unknown) => void

  constructor(task: TaskMessage, key: string, page: RoutePage) {
    this.task = task
    this.key = key
    this.page = page
    this.receipt = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  accept(): void {
    if (this.isAccepted) return
    this.isAccepted = true
    this.#resolve(accepted)
  }

  refuse(error: unknown): void {
    this.#reject(error)
  }
}
