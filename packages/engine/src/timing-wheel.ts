/** Length of a slot: nothing fires early, and nothing later than this after its time (given a tick). */
export const slotMs = 8

const levels = 4
const slotsPerLevel = 256
const wordsPerLevel = slotsPerLevel / 32
/** Ticks covered by one slot of each level. */
const units = [1, 256, 65_536, 16_777_216] as const
const horizon = 2 ** 32 - 1

/** What a wheel can hold: it is its own list node, so that scheduling allocates nothing. */
export class TimerNode {
  /** Tick at which it is due; meaningful while scheduled. */
  tick = 0
  /** Where it is filed, -1 while it is not. */
  slot = -1
  prevTimer: TimerNode | undefined = undefined
  nextTimer: TimerNode | undefined = undefined
}

export interface TimerSink<N extends TimerNode> {
  due(node: N): void
}

/** A hierarchical timing wheel: schedule and cancel in O(1), four levels of 256 slots, 8 ms to 397 days (later ones are filed again on the way). */
export class TimingWheel<N extends TimerNode> {
  readonly #heads: (TimerNode | undefined)[] = Array.from({ length: levels * slotsPerLevel }, () => undefined)
  readonly #tails: (TimerNode | undefined)[] = Array.from({ length: levels * slotsPerLevel }, () => undefined)
  /** One bit for each slot that is not empty. */
  readonly #bits = new Int32Array(levels * wordsPerLevel)
  /** Everything up to this tick has fired. */
  #current: number
  #size = 0

  constructor(nowMs: number) {
    this.#current = Math.floor(nowMs / slotMs)
  }

  get size(): number {
    return this.#size
  }

  /** Files a node that is not filed now. A time that has passed fires with the next slot. */
  schedule(node: N, dueMs: number): void {
    const tick = Math.ceil(dueMs / slotMs)
    node.tick = tick > this.#current ? tick : this.#current + 1
    this.#file(node)
    this.#size++
  }

  /** Does nothing for a node that is not filed. */
  cancel(node: N): void {
    if (node.slot < 0) return
    this.#unfile(node)
    this.#size--
  }

  /** When `advance` has something to do next; Infinity when nothing is filed. May be the time to file a far node more finely, with nothing due yet. */
  nextAt(): number {
    return this.#size === 0 ? Infinity : this.#nextTick() * slotMs
  }

  /** Hands every node due by then to the sink, earlier slots first, within a slot in the order of filing. The sink may schedule and cancel. */
  advance(nowMs: number, sink: TimerSink<N>): void {
    const target = Math.floor(nowMs / slotMs)
    while (this.#size > 0) {
      const tick = this.#nextTick()
      if (tick > target) break
      this.#current = tick
      this.#cascade(tick)
      this.#fire(tick & 255, sink)
    }
    if (target > this.#current) this.#current = target
  }

  #fire(slot: number, sink: TimerSink<N>): void {
    // From the head each time: the sink may cancel any other node of this slot; what it schedules goes into later slots.
    for (let node = this.#heads[slot]; node !== undefined; node = this.#heads[slot]) {
      this.#unfile(node)
      this.#size--
      sink.due(node as N)
    }
  }

  /** At the turn of a level, files the nodes of the next coarser slot again. */
  #cascade(tick: number): void {
    if ((tick & 255) !== 0) return
    if (((tick / 256) & 255) === 0) {
      if (((tick / 65_536) & 255) === 0) this.#spill(3 * slotsPerLevel + ((tick / 16_777_216) & 255))
      this.#spill(2 * slotsPerLevel + ((tick / 65_536) & 255))
    }
    this.#spill(slotsPerLevel + ((tick / 256) & 255))
  }

  #spill(slot: number): void {
    let node = this.#heads[slot]
    this.#heads[slot] = undefined
    this.#tails[slot] = undefined
    this.#clearBit(slot)
    while (node !== undefined) {
      const next: TimerNode | undefined = node.nextTimer
      this.#file(node)
      node = next
    }
  }

  #file(node: TimerNode): void {
    const delta = node.tick - this.#current
    let slot: number
    // `&` takes the low 32 bits of any safe integer, so that ticks may outgrow them.
    if (delta < 256) slot = node.tick & 255
    else if (delta < 65_536) slot = 256 + ((node.tick / 256) & 255)
    else if (delta < 16_777_216) slot = 512 + ((node.tick / 65_536) & 255)
    else slot = 768 + (((delta > horizon ? this.#current + horizon : node.tick) / 16_777_216) & 255)
    node.slot = slot
    const tail = this.#tails[slot]
    node.prevTimer = tail
    node.nextTimer = undefined
    if (tail === undefined) {
      this.#heads[slot] = node
      this.#bits[slot >>> 5] = (this.#bits[slot >>> 5] as number) | (1 << (slot & 31))
    } else tail.nextTimer = node
    this.#tails[slot] = node
  }

  #unfile(node: TimerNode): void {
    const { slot, prevTimer, nextTimer } = node
    if (prevTimer === undefined) this.#heads[slot] = nextTimer
    else prevTimer.nextTimer = nextTimer
    if (nextTimer === undefined) this.#tails[slot] = prevTimer
    else nextTimer.prevTimer = prevTimer
    if (prevTimer === undefined && nextTimer === undefined) this.#clearBit(slot)
    node.slot = -1
    node.prevTimer = undefined
    node.nextTimer = undefined
  }

  #clearBit(slot: number): void {
    this.#bits[slot >>> 5] = (this.#bits[slot >>> 5] as number) & ~(1 << (slot & 31))
  }

  #nextTick(): number {
    let next = Infinity
    for (let level = 0; level < levels; level++) {
      const unit = units[level] as number
      const base = Math.floor(this.#current / unit)
      const distance = this.#distance(level, base & 255)
      if (distance > 0 && (base + distance) * unit < next) next = (base + distance) * unit
    }
    return next
  }

  /** Slots from `from` (exclusive) round to the next one that holds something: 1 to 256, or 0 when the level is empty. */
  #distance(level: number, from: number): number {
    const bits = this.#bits
    const first = level * wordsPerLevel
    const bit = from & 31
    let word = from >>> 5
    let found = bit === 31 ? 0 : (bits[first + word] as number) & (-1 << (bit + 1))
    for (let i = 0; found === 0; i++) {
      if (i === wordsPerLevel) return 0
      word = (word + 1) & (wordsPerLevel - 1)
      found = bits[first + word] as number
    }
    const index = word * 32 + (31 - Math.clz32(found & -found))
    return ((index - from + 255) & 255) + 1
  }
}
