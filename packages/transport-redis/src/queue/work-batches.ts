import { isAetherError, type Timer } from '@aether/core'
import { ByteWriter } from './byte-writer.ts'
import { isTooLarge } from './is-passing.ts'
import type { Lane } from './lane.ts'
import type { QueueHost } from './queue-host.ts'
import { limits } from './queue-settings.ts'
import type { Place } from './seat.ts'
import type { WorkItem } from './work-item.ts'

/** How long what was refused for want of memory or disk waits for another try. */
const retryMs = 100

/** What workers said in one turn of tasks of one job/task, in order. */
export class WorkBatches {
  readonly #lane: Lane
  readonly #host: QueueHost
  readonly #writer = new ByteWriter()
  #items: WorkItem[] = []
  #later: WorkItem[] = []
  #timer: Timer | undefined
  #underWay = 0
  #calls = 0

  constructor(lane: Lane, host: QueueHost) {
    this.#lane = lane
    this.#host = host
  }

  get isEmpty(): boolean {
    return this.#items.length + this.#later.length + this.#underWay === 0
  }

  add(item: WorkItem): void {
    this.#items.push(item)
  }

  flush(): void {
    const items = this.#items
    this.#items = []
    let batch: WorkItem[] = []
    let bytes = 0
    for (const item of items) {
      const body = item.event !== undefined && 'body' in item.event ? item.event.body : undefined
      const size = body?.length ?? 0
      if (batch.length === limits.batchCount || (batch.length > 0 && bytes + size > limits.batchBytes)) {
        void this.#send(batch)
        batch = []
        bytes = 0
      }
      batch.push(item)
      bytes += size
    }
    if (batch.length > 0) void this.#send(batch)
  }

  close(error: Error): void {
    this.#timer?.cancel()
    const items = [...this.#items, ...this.#later]
    this.#items = []
    this.#later = []
    for (const item of items) item.delivery.onFailed(item, error)
  }

  async #send(items: readonly WorkItem[]): Promise<void> {
    const sentAtMs = this.#host.clock.monotonic()
    this.#underWay++
    try {
      const reply = (await this.#lane.run(this.#host.scripts.work, this.#pack(items))) as Buffer
      for (const [index, item] of items.entries()) {
        if (reply[index] === 0) item.delivery.onDone(item, sentAtMs)
        else item.delivery.onLost(item)
      }
    } catch (error) {
      // Together they are more than the server takes at once: only who is too large by himself is refused.
      if (items.length > 1 && isTooLarge(error)) {
        const half = items.length >> 1
        await Promise.all([this.#send(items.slice(0, half)), this.#send(items.slice(half))])
      } else for (const item of items) this.#onRefused(item, error)
    } finally {
      this.#underWay--
    }
  }

  #pack(items: readonly WorkItem[]): Buffer {
    const call = ++this.#calls
    const places: Place[] = []
    const which: number[] = []
    for (const { delivery } of items) {
      const { place } = delivery
      if (place.call !== call) {
        place.call = call
        place.index = places.length
        place.ids = []
        places.push(place)
      }
      which.push(place.ids.push(delivery.id) - 1)
    }
    const out = this.#writer.u16(places.length).u32(items.length)
    for (const { route, seat, ids } of places) {
      out.text(route.context).text(seat.workgroup).text(seat.name).u48(seat.leaseMs).u32(ids.length)
      for (const id of ids) out.short(id)
    }
    for (const { delivery } of items) out.text(delivery.task.tid)
    for (const [index, item] of items.entries()) item.write(out, item.delivery.place.index, which[index] ?? 0)
    return out.take()
  }

  /** While the lease may still be held, what may pass is said again. */
  #onRefused(item: WorkItem, error: unknown): void {
    const { clock, isClosing, turns } = this.#host
    const { delivery } = item
    const mayPass = isAetherError(error) && error.retryable
    if (!mayPass || isClosing || delivery.isOver || clock.monotonic() >= delivery.leaseEndsAtMs)
      return delivery.onFailed(item, error)
    if (error.code === 'ERR_AETHER_TRANSPORT_LOST') {
      item.isRepeat = true
      this.add(item)
      turns.add(this.#lane)
    } else {
      this.#later.push(item)
      this.#timer ??= clock.setTimer(() => this.#sayAgain(), retryMs)
    }
  }

  #sayAgain(): void {
    this.#timer = undefined
    this.#items.push(...this.#later)
    this.#later = []
    this.#host.turns.add(this.#lane)
  }
}
