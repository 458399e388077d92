/** Something to be done in a later turn of the stack. */
export interface Job {
  run(): void
}

/** Jobs done in one turn of the event loop before timers and sockets get theirs. */
const jobsPerTurn = 1_024
/** Waiting jobs from which on `isFull`. */
const maxJobs = 100_000

/**
 * Runs jobs in order, never inside the caller's stack: in a microtask as long as the event loop's turn has not used up its share, afterwards in the next
 * turn, so that a chain of tasks cannot starve timers and sockets.
 */
export class TurnQueue {
  readonly #onIdle: () => void
  #jobs: Job[] = []
  #isScheduled = false
  #left = jobsPerTurn
  #isRefilling = false
  #turns: (() => void)[] = []
  readonly #drainLater = (): void => this.#drain()

  /** `onIdle` runs after each batch. */
  constructor(onIdle: () => void) {
    this.#onIdle = onIdle
  }

  /** Whether whoever can be refused should be. */
  get isFull(): boolean {
    return this.#jobs.length >= maxJobs
  }

  /** When the share of this turn is used up: resolves in the next one. Who waits for it can neither starve others nor flood the queue. */
  turn(): Promise<void> | undefined {
    if (this.#left > 0) return undefined
    return new Promise((resolve) => {
      this.#turns.push(resolve)
    })
  }

  push(job: Job): void {
    this.#jobs.push(job)
    this.schedule()
  }

  /** Makes sure that `onIdle` runs soon, with or without jobs. */
  schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    if (this.#left > 0) queueMicrotask(this.#drainLater)
    // Otherwise the refill, which is under way, drains.
  }

  #drain(): void {
    if (!this.#isRefilling) {
      this.#isRefilling = true
      setImmediate(this.#refill)
    }
    const jobs = this.#jobs
    let done = 0
    try {
      // What a job adds is done too, within the share.
      while (done < jobs.length && this.#left > 0) {
        this.#left--
        ;(jobs[done++] as Job).run()
      }
    } finally {
      // A job that throws is a defect and surfaces as such; those behind it still have their turn.
      this.#jobs = done === jobs.length ? [] : jobs.slice(done)
      this.#isScheduled = false
      if (this.#jobs.length > 0) this.schedule()
      this.#onIdle()
    }
  }

  readonly #refill = (): void => {
    this.#isRefilling = false
    this.#left = jobsPerTurn
    const turns = this.#turns
    this.#turns = []
    if (this.#isScheduled) this.#drain()
    for (const resolve of turns) resolve()
  }
}
