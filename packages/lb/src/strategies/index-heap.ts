/** Times that differ by less are the same: a fraction reached in two ways differs in its last digits. */
const leastTolerance = 1e-9

/** Indices ordered by when each falls due, the lower index first where they tie. Its room is fixed: adding and taking is O(log n) and allocates nothing. */
export class IndexHeap {
  /** When each index falls due: set it before `push`, and never while the index is in the heap. */
  readonly due: Float64Array
  size = 0
  private readonly heap: Int32Array
  private tolerance = leastTolerance

  constructor(count: number) {
    this.due = new Float64Array(count)
    this.heap = new Int32Array(count)
  }

  push(index: number): void {
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

  /** Takes the first one out; there must be one. */
  pop(): number {
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
    // The later it is, the fewer digits are left behind the point.
    this.tolerance = Math.max(leastTolerance, (this.due[top] as number) * 1e-14)
    return top
  }

  private isBefore(first: number, second: number): boolean {
    const difference = (this.due[first] as number) - (this.due[second] as number)
    if (Math.abs(difference) < this.tolerance) return first < second
    return difference < 0
  }
}
