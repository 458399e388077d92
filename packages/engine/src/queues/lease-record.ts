import type { Consumer } from '../dispatch/consumer.ts'
import type { Lease } from '../contract.ts'
import type { HashNode } from '../hash-table.ts'
import type { Entry } from './task.ts'
import { TimerNode } from '../timing-wheel.ts'

/** One delivery: what the shell sees of it, and its own timer. A new one for each delivery, so that a shell may keep it. */
export class LeaseRecord extends TimerNode implements Lease<unknown, unknown>, HashNode<LeaseRecord> {
  readonly kind = 'lease'
  readonly id: number
  /** Its id, which is spread well enough: ids count up. */
  readonly hash: number
  readonly tid: string
  readonly route: string
  readonly workgroup: string
  readonly attempt: number
  readonly body: unknown
  readonly owner: unknown
  readonly consumer: number
  readonly remainingMs: number
  readonly entry: Entry
  readonly holder: Consumer
  chained: LeaseRecord | undefined = undefined
  /** The holder's other leases, newest first. */
  prevHeld: LeaseRecord | undefined = undefined
  nextHeld: LeaseRecord | undefined = undefined

  constructor(id: number, entry: Entry, holder: Consumer, now: number) {
    super()
    const { task, queue } = entry
    this.id = id
    this.hash = id
    this.tid = task.tid
    this.route = task.route.name
    this.workgroup = queue.workgroup
    this.attempt = entry.attempt
    this.body = task.body
    this.owner = holder.owner.key
    this.consumer = holder.id
    // A deadline that is due but not yet ticked leaves a sliver, since 0 would say that there is none.
    this.remainingMs = task.deadlineAt === 0 ? 0 : Math.max(1, task.deadlineAt - now)
    this.entry = entry
    this.holder = holder
  }
}
