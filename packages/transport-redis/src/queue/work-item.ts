import type { CompleteEvent, StatusEvent } from '@aether/core'
import type { ByteWriter } from './byte-writer.ts'
import { EndReason, writeEvent } from './event-frame.ts'
import type { QueueDelivery } from './queue-delivery.ts'

/** The letters of the script `work`. */
export const WorkKind = { finish: 0x46, progress: 0x50, renew: 0x4e, release: 0x52, discard: 0x58 } as const

const flagged = 1
const repeated = 2

/** What a worker said of one delivery, until Redis answered. */
export class WorkItem {
  readonly kind: number
  readonly delivery: QueueDelivery
  readonly event: CompleteEvent | StatusEvent | undefined
  readonly promise: Promise<void>
  resolve!: () => void
  reject!: (error: unknown) => void
  /** Dead letter of a finish, failed of a release. */
  isFlagged = false
  /** It was under way when a connection ended. */
  isRepeat = false
  /** It ends the delivery. */
  isSettling = false
  /** Delay of a release. */
  number = 0
  reason: number = EndReason.said

  constructor(kind: number, delivery: QueueDelivery, event?: CompleteEvent | StatusEvent) {
    this.kind = kind
    this.delivery = delivery
    this.event = event
    this.promise = new Promise((resolve, reject) => {
      this.resolve = resolve
      this.reject = reject
    })
  }

  /** As the script `work` reads it: `seat` is the number of its place in this call, `which` that of its id there. */
  write(out: ByteWriter, seat: number, which: number): void {
    const { delivery } = this
    out
      .u8(this.kind)
      .u8((this.isFlagged ? flagged : 0) + (this.isRepeat ? repeated : 0))
      .u16(seat)
      .u32(which)
      .u32(delivery.attempt)
      .u48(this.number)
      .u32(delivery.task.attempts)
    const at = out.open32()
    if (this.event !== undefined) writeEvent(out, this.event, this.reason)
    out.close32(at)
  }
}
