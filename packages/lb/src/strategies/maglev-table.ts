import type { Backend } from '../backends/backend.ts'
import { hashPair } from '../hash/hash-text.ts'
import { IndexHeap } from './index-heap.ts'

/** Least number of slots; prime, as the permutations need it. */
const leastSlots = 65_537
/** So many to each backend that their shares are even to a hundredth. */
const slotsPerBackend = 100
/** A table is never longer: with more than 40 000 backends each has fewer slots. */
const mostSlots = 4_194_319

/** Backends of the same weight, by the order of their hashes: which of them has the slot more does not depend on who was added first. */
interface Crowd {
  readonly weight: number
  readonly indices: Int32Array
}

/**
 * The owner of each slot, as an index. The k-th turn of a backend falls due at k / weight, whatever the others weigh; in its turn it takes the next slot that
 * is still free in an order of its own. Some 16 steps for each slot: a millisecond or two for 65 537 of them.
 */
export function maglevTable(members: readonly Backend[]): Int32Array {
  const count = members.length
  if (count === 0) return new Int32Array(0)
  const size = primeFrom(Math.min(mostSlots, Math.max(leastSlots, count * slotsPerBackend + 1)))
  const filling = new Filling(members, size)
  const crowds = crowdsOf(members)
  const turns = new IndexHeap(crowds.length)
  const rounds = new Float64Array(crowds.length)
  const heaviest = crowds[0]?.weight ?? 0
  const put = (index: number): void => {
    const round = (rounds[index] as number) + 1
    rounds[index] = round
    // Half a turn early, so that shares are rounded to the nearest slot instead of down.
    turns.due[index] = ((round - 0.5) * heaviest) / (crowds[index] as Crowd).weight
    turns.push(index)
  }
  crowds.forEach((_, index) => put(index))
  while (filling.free > 0) {
    const index = turns.pop()
    filling.giveEach((crowds[index] as Crowd).indices)
    put(index)
  }
  return filling.table
}

class Filling {
  readonly table: Int32Array
  free: number
  /** A bit for each slot: unlike the table it stays in the processor's nearest memory. */
  private readonly taken: Uint32Array
  private readonly position: Int32Array
  private readonly skip: Int32Array

  constructor(members: readonly Backend[], size: number) {
    this.table = new Int32Array(size)
    this.free = size
    this.taken = new Uint32Array((size >>> 5) + 1)
    this.position = Int32Array.from(members, ({ key }) => (hashPair(key, 0x5bd1e995) >>> 0) % size)
    this.skip = Int32Array.from(members, ({ key }) => ((hashPair(key, 0x1b873593) >>> 0) % (size - 1)) + 1)
  }

  /** One slot to each, as long as there are any. */
  giveEach(indices: Int32Array): void {
    const { table, taken, position, skip } = this
    const size = table.length
    const turns = Math.min(indices.length, this.free)
    for (let turn = 0; turn < turns; turn++) {
      const index = indices[turn] as number
      const step = skip[index] as number
      let at = position[index] as number
      while (((taken[at >>> 5] as number) >>> (at & 31)) & 1) {
        at += step
        if (at >= size) at -= size
      }
      taken[at >>> 5] = (taken[at >>> 5] as number) | (1 << (at & 31))
      table[at] = index
      position[index] = at
    }
    this.free -= turns
  }
}

function crowdsOf(members: readonly Backend[]): readonly Crowd[] {
  const byWeight = new Map<number, number[]>()
  const order = [...members.keys()].sort((a, b) => (members[a] as Backend).key - (members[b] as Backend).key)
  for (const index of order) {
    const { weight } = members[index] as Backend
    const crowd = byWeight.get(weight)
    if (crowd === undefined) byWeight.set(weight, [index])
    else crowd.push(index)
  }
  // Heavier ones first where turns fall due at the same time.
  return [...byWeight]
    .sort(([a], [b]) => b - a)
    .map(([weight, indices]) => ({ weight, indices: Int32Array.from(indices) }))
}

function primeFrom(least: number): number {
  let candidate = least % 2 === 0 ? least + 1 : least
  while (!isPrime(candidate)) candidate += 2
  return candidate
}

function isPrime(odd: number): boolean {
  for (let divisor = 3; divisor * divisor <= odd; divisor += 2) if (odd % divisor === 0) return false
  return true
}
