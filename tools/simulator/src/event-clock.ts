import type { Clock, Timer } from '@aether/lb'

interface Event {
  readonly at: number
  /** Those of the same time happen in the order in which they were planned. */
  readonly order: number
  callback: (() => void) | undefined
}

/** Time that jumps from event to event, on a binary heap; a clock for the balancer and the agenda of the simulation in one. */
export class EventClock implements Clock {
  private time = 0
  private order = 0
  private readonly heap: Event[] = []

  now(): number {
    return this.time
  }

  monotonic(): number {
    return this.time
  }

  setTimer(callback: () => void, delayMs: number): Timer {
    const event: Event = { at: this.time + Math.max(0, delayMs), order: this.order++, callback }
    this.push(event)
    return {
      cancel() {
        event.callback = undefined
      },
    }
  }

  /** Lets everything happen that is planned until `end`, but gives promises no turn. */
  runUntil(end: number): void {
    while (this.step(end));
    this.time = end
  }

  /** The same for worlds with promises: all that follows from one event happens before the next. */
  async passUntil(end: number): Promise<void> {
    while (this.step(end)) await new Promise(setImmediate)
    this.time = end
  }

  private step(end: number): boolean {
    for (;;) {
      const next = this.heap[0]
      if (next === undefined || next.at > end) return false
      this.pop()
      if (next.callback === undefined) continue
      this.time = next.at
      next.callback()
      return true
    }
  }

  private push(event: Event): void {
    let at = this.heap.length
    while (at > 0) {
      const parent = (at - 1) >> 1
      const above = this.heap[parent] as Event
      if (!isBefore(event, above)) break
      this.heap[at] = above
      at = parent
    }
    this.heap[at] = event
  }

  private pop(): void {
    const last = this.heap.pop() as Event
    const size = this.heap.length
    if (size === 0) return
    let at = 0
    for (;;) {
      let child = at * 2 + 1
      if (child >= size) break
      if (child + 1 < size && isBefore(this.heap[child + 1] as Event, this.heap[child] as Event)) child++
      if (!isBefore(this.heap[child] as Event, last)) break
      this.heap[at] = this.heap[child] as Event
      at = child
    }
    this.heap[at] = last
  }
}

function isBefore(first: Event, second: Event): boolean {
  return first.at < second.at || (first.at === second.at && first.order < second.order)
}
