import type { Route } from '@aether/core'
import type { Hold } from './open-task.ts'
import type { Seat } from './peer.ts'
import type { UnionRoster } from './roster.ts'

/** One workgroup of one route: who may work on its tasks, and what waits for one of them. */
export class Lane {
  readonly page: RoutePage
  readonly workgroup: string
  seats: readonly Seat[] = []
  /** Tasks that have not ended, wherever they are: while there are any it is kept. */
  holds = 0
  #next = 0
  #queue: Hold[] = []
  #head = 0
  /** Those in the queue that still want a worker. */
  #waiting = 0

  constructor(page: RoutePage, workgroup: string) {
    this.page = page
    this.workgroup = workgroup
  }

  get waiting(): number {
    return this.#waiting
  }

  /** Whether anybody could take a task, now or when it has room. */
  get isStaffed(): boolean {
    return this.seats.some(({ peer }) => !peer.isAway)
  }

  /** The next one with room, in turn. */
  pick(): Seat | undefined {
    const { seats } = this
    for (let tried = 0; tried < seats.length; tried++) {
      const seat = seats[this.#next % seats.length]
      this.#next = (this.#next + 1) % seats.length
      if (seat?.hasRoom === true) return seat
    }
    return undefined
  }

  enqueue(hold: Hold, isFirst: boolean): void {
    this.#waiting += 1
    if (!isFirst) {
      this.#queue.push(hold)
    } else if (this.#head > 0) {
      this.#head -= 1
      this.#queue[this.#head] = hold
    } else {
      this.#queue.unshift(hold)
    }
  }

  /** One that waited has ended; it is passed over when its turn comes. */
  forget(): void {
    this.#waiting -= 1
    const passedOver = this.#queue.length - this.#head - this.#waiting
    if (passedOver <= 64 || passedOver < this.#waiting) return
    this.#queue = this.#queue.slice(this.#head).filter(({ status }) => status === 'waiting')
    this.#head = 0
  }

  shift(): Hold | undefined {
    while (this.#head < this.#queue.length) {
      const hold = this.#queue[this.#head]
      this.#queue[this.#head] = undefined as unknown as Hold
      this.#head += 1
      if (this.#head === this.#queue.length) {
        this.#queue = []
        this.#head = 0
      }
      if (hold?.status === 'waiting') {
        this.#waiting -= 1
        return hold
      }
    }
    return undefined
  }
}

/** What is known of one route, so that a task of it costs one look. */
export interface RoutePage {
  readonly key: string
  readonly route: Route
  readonly union: UnionRoster
  /** Of the roster when it was last looked at. */
  version: number
  readonly lanes: Map<string, Lane>
  /** Whether somebody listens to events of it. */
  isHeard: boolean
  openTasks: number
}
