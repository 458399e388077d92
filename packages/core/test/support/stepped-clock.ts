import type { Clock, Timer } from '../../src/clock.ts'

interface Entry {
  readonly at: number
  readonly order: number
  readonly run: () => void
}

/** Time that passes only when a test says so; timers run in the order of their times, and all that follows from one before the next. */
export class SteppedClock implements Clock {
  readonly #epoch = 1_800_000_000_000
  readonly #entries = new Set<Entry>()
  #time = 0
  #order = 0

  now(): number {
    return this.#epoch + this.#time
  }

  monotonic(): number {
    return this.#time
  }

  get timers(): number {
    return this.#entries.size
  }

  setTimer(callback: () => void, delayMs: number): Timer {
    const entry = { at: this.#time + Math.max(0, delayMs), order: this.#order++, run: callback }
    this.#entries.add(entry)
    return { cancel: () => void this.#entries.delete(entry) }
  }

  async advance(ms: number): Promise<void> {
    const until = this.#time + ms
    await settled()
    for (let next = this.#next(until); next; next = this.#next(until)) {
      this.#entries.delete(next)
      this.#time = Math.max(this.#time, next.at)
      next.run()
      await settled()
    }
    this.#time = until
  }

  #next(until: number): Entry | undefined {
    let first: Entry | undefined
    for (const entry of this.#entries) {
      if (
        entry.at <= until &&
        (!first || entry.at < first.at || (entry.at === first.at && entry.order < first.order))
      )
        first = entry
    }
    return first
  }
}

/** Lets every promise that can go on do so. */
async function settled(): Promise<void> {
  await new Promise((resolve) => {
    setImmediate(resolve)
  })
}

/** The clock as one process sees it: frozen, its timers wait; killed, they never run. */
export class ProcessClock implements Clock {
  readonly #base: Clock
  readonly #live = new Set<Timer>()
  readonly #overdue = new Set<() => void>()
  #status: 'dead' | 'frozen' | 'live' = 'live'

  constructor(base: Clock) {
    this.#base = base
  }

  get timers(): number {
    return this.#live.size + this.#overdue.size
  }

  now(): number {
    return this.#base.now()
  }

  monotonic(): number {
    return this.#base.monotonic()
  }

  setTimer(callback: () => void, delayMs: number): Timer {
    const run = (): void => {
      this.#live.delete(timer)
      if (this.#status === 'live') callback()
      else if (this.#status === 'frozen') this.#overdue.add(callback)
    }
    const inner = this.#base.setTimer(run, delayMs)
    const timer = {
      cancel: (): void => {
        inner.cancel()
        this.#live.delete(timer)
        this.#overdue.delete(callback)
      },
    }
    this.#live.add(timer)
    return timer
  }

  freeze(): void {
    if (this.#status === 'live') this.#status = 'frozen'
  }

  thaw(): void {
    if (this.#status !== 'frozen') return
    this.#status = 'live'
    const overdue = [...this.#overdue]
    this.#overdue.clear()
    for (const callback of overdue) callback()
  }

  kill(): void {
    this.#status = 'dead'
    for (const timer of this.#live) timer.cancel()
    this.#overdue.clear()
  }
}
