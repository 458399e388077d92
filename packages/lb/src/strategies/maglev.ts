import type { Backend } from '../backends/backend.ts'
import { hashPair } from '../hash/hash-text.ts'
import type { Picking, Strategy, StrategyView } from './strategy.ts'

/** Least number of slots; prime, as the permutations need it. */
const leastSlots = 65_537

/**
 * A table of a prime number of slots which the backends fill in turns, each in an order of its own: with equal weights they differ by one slot at most, and
 * a change moves hardly more keys than it must. A key whose backend does not accept walks on to the next slots. O(1); building takes milliseconds.
 */
export class Maglev implements Strategy {
  readonly name = 'maglev'
  readonly placesBy = 'key'
  private members: readonly Backend[] = []
  private version = -1
  private table: Int32Array = new Int32Array(0)

  update(view: StrategyView): void {
    this.members = view.members
    if (view.version === this.version) return
    this.version = view.version
    this.table = buildTable(view.members)
  }

  pick(picking: Picking): Backend | undefined {
    const { table, members } = this
    const size = table.length
    if (size === 0) return undefined
    // The upper bits of a product spread evenly, without the bias and the cost of a division.
    let slot = Math.floor(((picking.hash >>> 0) / 4_294_967_296) * size)
    const first = members[table[slot] as number] as Backend
    if (picking.accepts(first)) return first
    // Neighbouring slots belong to backends as if drawn: this many meet nearly all of them.
    const walk = Math.min(size, members.length * 8)
    for (let step = 1; step < walk; step++) {
      slot = slot + 1 === size ? 0 : slot + 1
      const backend = members[table[slot] as number] as Backend
      if (picking.accepts(backend)) return backend
    }
    return members.find((backend) => picking.accepts(backend))
  }
}

function buildTable(members: readonly Backend[]): Int32Array {
  const count = members.length
  if (count === 0) return new Int32Array(0)
  const size = nextPrime(Math.max(leastSlots, count * 100 + 1))
  const table = new Int32Array(size).fill(-1)
  const position = new Float64Array(count)
  const skip = new Float64Array(count)
  const due = new Float64Array(count)
  const heaviest = members.reduce((most, backend) => Math.max(most, backend.weight), 0)
  members.forEach((backend, index) => {
    position[index] = (hashPair(backend.key, 0x5bd1e995) >>> 0) % size
    skip[index] = ((hashPair(backend.key, 0x1b873593) >>> 0) % (size - 1)) + 1
  })
  // Turns go round in the order of the hashes, not of the list: which one of them has the slot more does not depend on who was added first.
  const order = Int32Array.from(members.keys()).sort(
    (a, b) => (members[a] as Backend).key - (members[b] as Backend).key,
  )
  let filled = 0
  for (let round = 1; filled < size; round++) {
    for (let turn = 0; turn < count && filled < size; turn++) {
      const index = order[turn] as number
      // The heaviest has a turn in each round, half its weight one in two.
      if ((round * (members[index] as Backend).weight) / heaviest < (due[index] as number) + 1 - 1e-9)
        continue
      due[index] = (due[index] as number) + 1
      let at = position[index] as number
      while (table[at] !== -1) at = (at + (skip[index] as number)) % size
      table[at] = index
      position[index] = (at + (skip[index] as number)) % size
      filled++
    }
  }
  return table
}

function nextPrime(from: number): number {
  let candidate = from % 2 === 0 ? from + 1 : from
  while (!isPrime(candidate)) candidate += 2
  return candidate
}

function isPrime(odd: number): boolean {
  for (let divisor = 3; divisor * divisor <= odd; divisor += 2) if (odd % divisor === 0) return false
  return true
}
