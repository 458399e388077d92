import type { Backend } from '../backends/backend.ts'
import { IndexHeap } from './index-heap.ts'
import type { Scratch } from './scratch.ts'
import type { Rotation } from './rotation.ts'

/**
 * Earliest deadline first: the k-th turn of a backend falls due at k / weight, so in each unit of this time everyone has as many turns as it weighs.
 * The turns are counted, not summed up as fractions, so that they stay exact. A pick is O(log n), and as much again for each backend that it passes over.
 */
export class DeadlineHeap implements Rotation {
  private readonly backends: readonly Backend[]
  /** Relative to the mean: in one unit of time there are as many turns as backends. */
  private readonly weights: Float64Array
  /** Rotation had, relative to `origin`. */
  private readonly turns: Float64Array
  private readonly origin: Float64Array
  private readonly heap: IndexHeap
  /** Taken off the heap because they did not accept, for the length of one pick. */
  private readonly aside: Int32Array
  private time = 0

  constructor(backends: readonly Backend[], ahead: ReadonlyMap<Backend, number>) {
    const count = backends.length
    const mean = backends.reduce((sum, backend) => sum + backend.effectiveWeight, 0) / count
    this.backends = backends
    this.weights = Float64Array.from(backends, (backend) => backend.effectiveWeight / mean)
    this.turns = new Float64Array(count)
    this.origin = new Float64Array(count)
    this.heap = new IndexHeap(count)
    this.aside = new Int32Array(count)
    for (let index = 0; index < count; index++) {
      const left = ahead.get(backends[index] as Backend) ?? 1
      const weight = this.weights[index] as number
      this.origin[index] = (left - 1) / weight
      this.heap.due[index] = left / weight
      this.heap.push(index)
    }
  }

  pick(picking: Scratch): Backend | undefined {
    const { heap, backends, aside } = this
    let refused = 0
    let found = -1
    while (found < 0 && heap.size > 0) {
      const index = heap.pop()
      if (picking.accepts(backends[index] as Backend)) found = index
      else aside[refused++] = index
    }
    for (let index = 0; index < refused; index++) heap.push(aside[index] as number)
    if (found < 0) return undefined
    this.advance(found)
    const backend = backends[found] as Backend
    picking.score = this.time
    picking.note(backend)
    return backend
  }

  ahead(): Map<Backend, number> {
    return new Map(
      this.backends.map((backend, index) => {
        const left = ((this.heap.due[index] as number) - this.time) * (this.weights[index] as number)
        return [backend, Math.max(0, left)]
      }),
    )
  }

  private advance(index: number): void {
    const { due } = this.heap
    const overdue = this.time - (due[index] as number)
    // Who could not take its turns does not make up for them in one go.
    if (overdue > 0) this.origin[index] = (this.origin[index] as number) + overdue
    else this.time = due[index] as number
    const turns = (this.turns[index] as number) + 1
    this.turns[index] = turns
    due[index] = (this.origin[index] as number) + (turns + 1) / (this.weights[index] as number)
    this.heap.push(index)
  }
}
