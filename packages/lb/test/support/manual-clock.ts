import type { Clock, Timer } from '../../src/clock.ts'

interface Entry {
  readonly at: number
  readonly order: number
  readonly callback: () => void
}

/** Time that only passes when told to. */
export class ManualClock implements Clock {
  time: number
  private entries: Entry[] = []
  private order = 0
  private firedNow = 0

  constructor(start = 1_000_000) {
    this.time = start
  }

  get pending(): number {
    return this.entries.length
  }

  now(): number {
    return 1_700_000_000_000 + this.time
  }

  monotonic(): number {
    return this.time
  }

  setTimer(callback: () => void, delayMs: number): Timer {
    const entry = { at: this.time + delayMs, order: this.order++, callback }
    let at = this.entries.length
    while (at > 0 && (this.entries[at - 1] as Entry).at > entry.at) at--
    this.entries.splice(at, 0, entry)
    return {
      cancel: () => {
        const index = this.entries.indexOf(entry)
        if (index >= 0) this.entries.splice(index, 1)
      },
    }
  }

  /** Runs what falls due, in order, without giving promises a turn. */
  advance(ms: number): void {
    const end = this.time + ms
    while (this.fireNext(end));
    this.time = end
  }

  /** The same, with a turn for promises after each timer. */
  async pass(ms: number): Promise<void> {
    const end = this.time + ms
    await settle()
    while (this.fireNext(end)) await settle()
    this.time = end
    await settle()
  }

  private fireNext(end: number): boolean {
    const next = this.entries[0]
    if (next === undefined || next.at > end) return false
    this.entries.shift()
    if (next.at > this.time) {
      this.time = next.at
      this.firedNow = 0
    } else if (++this.firedNow > 100_000) throw new Error(`time stands still at ${this.time} ms`)
    next.callback()
    return true
  }
}

/** Lets promises that are ready run, and those that follow from them. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await Promise.resolve()
}
