import type { Backend } from '../backends/backend.ts'
import type { Picking } from './strategy.ts'

/**
 * Earliest deadline first: the k-th turn of a backend falls due at k / weight, so in each unit of this time everyone has as many turns as it weighs.
 * The turns are counted, not summed up as fractions, so that they stay exact. A pick is O(log n) and allocates nothing.
 */
export class DeadlineHeap {
  private readonly backends: readonly Backend[]
  /** Turns had, relative to `origin`. */
  private readonly turns: Float64Array
  private readonly origin: Float64Array
  private readonly deadlines: Float64Array
  private readonly heap: Int32Array
  /** Taken off the heap because they did not accept, for the length of one pick. */
  private readonly aside: Int32Array
  private size: number
  private time = 0

  constructor(backends: readonly Backend[], previous: DeadlineHeap | undefined) {
    const count = backends.length
    this.backends = backends
    this.turns = new Float64Array(count)
    this.origin = new Float64Array(count)
    this.deadlines = new Float64Array(count)
    this.heap = new Int32Array(count)
    this.aside = new Int32Array(count)
    this.size = 0
    this.time = previous?.time ?? 0
    const due = previous?.dueTimes()
    for (let index = 0; index < count; index++) {
      const backend = backends[index] as Backend
      const known = due?.get(backend)
      // A newcomer has its first turn in its due time, not at once: a hundred of them would all come first.
      this.origin[index] = known === undefined ? this.time : known - 1 / backend.effectiveWeight
      this.deadlines[index] = known ?? this.time + 1 / backend.effectiveWeight
      this.push(index)
    }
  }

  pick(picking: Picking): Backend | undefined {
    let refused = 0
    let found = -1
    while (this.size > 0) {
      const index = this.pop()
      if (picking.accepts(this.backends[index] as Backend)) {
        found = index
        break
      }
      this.aside[refused++] = index
    }
    for (let index = 0; index < refused; index++) this.push(this.aside[index] as number)
    if (found < 0) return undefined
    const backend = this.backends[found] as Backend
    this.time = this.deadlines[found] as number
    const turns = (this.turns[found] as number) + 1
    this.turns[found] = turns
    this.deadlines[found] = (this.origin[found] as number) + (turns + 1) / backend.effectiveWeight
    picking.consider(backend, this.time)
    this.push(found)
    return backend
  }

  private dueTimes(): Map<Backend, number> {
    return new Map(this.backends.map((backend, index) => [backend, this.deadlines[index] as number]))
  }

  private isBefore(first: number, second: number): boolean {
    const difference = (this.deadlines[first] as number) - (this.deadlines[second] as number)
    // The same fraction reached in two ways differs in its last digits: then the order of the backends decides.
    if (Math.abs(difference) < 1e-9) return first < second
    return difference < 0
  }

  private push(index: number): void {
    const { heap } = this
    let at = this.size++
    while (at > 0) {
      const parent = (at - 1) >> 1
      const above = heap[parent] as number
      if (!this.isBefore(index, above)) break
      heap[at] = above
      at = parent
    }
    heap[at] = index
  }

  private pop(): number {
    const { heap } = this
    const top = heap[0] as number
    const last = heap[--this.size] as number
    let at = 0
    for (;;) {
      let child = at * 2 + 1
      if (child >= this.size) break
      if (child + 1 < this.size && this.isBefore(heap[child + 1] as number, heap[child] as number)) child++
      if (!this.isBefore(heap[child] as number, last)) break
      heap[at] = heap[child] as number
      at = child
    }
    heap[at] = last
    return top
  }
}
