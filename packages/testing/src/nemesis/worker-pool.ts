import type { Environment, WorkerHandle, WorkerSpec } from '../harness.ts'
import type { RecordEntry } from '../history/history.ts'
import type { SeededRandom } from '../seeded-random.ts'

export interface WorkerPoolOptions {
  readonly environment: Environment
  /** Its `name` is the first part of each worker's name: `w1`, `w2`; one in the place of another is `w1.2`. */
  readonly spec: WorkerSpec
  readonly size: number
  readonly record: (entry: RecordEntry) => void
}

/** Workers of the known workload; one that dies is replaced, as whatever supervises real workers would. */
export interface WorkerPool {
  /** Those that run now. */
  readonly workers: readonly WorkerHandle[]
  /** One that runs now, if any does. */
  pick(random: SeededRandom): WorkerHandle | undefined
  /** Stops them all, replaces none, and resolves when they have ended. Idempotent. */
  close(): Promise<void>
}

/** Starts `size` workers and resolves when all of them consume. */
export async function startWorkerPool(options: WorkerPoolOptions): Promise<WorkerPool> {
  const pool = new Pool(options)
  await pool.start()
  return pool
}

class Pool implements WorkerPool {
  readonly #options: WorkerPoolOptions
  readonly #running = new Map<string, WorkerHandle>()
  readonly #starting = new Set<Promise<void>>()
  readonly #failures: unknown[] = []
  #closing: Promise<void> | undefined

  constructor(options: WorkerPoolOptions) {
    this.#options = options
  }

  get workers(): readonly WorkerHandle[] {
    return [...this.#running.values()]
  }

  pick(random: SeededRandom): WorkerHandle | undefined {
    const { workers } = this
    return workers.length === 0 ? undefined : random.pick(workers)
  }

  async start(): Promise<void> {
    const places = Array.from({ length: this.#options.size }, (_none, index) => index + 1)
    await Promise.all(places.map((place) => this.#spawn(place, 1)))
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    await Promise.all(this.#starting)
    const stopping = this.workers.map(async (worker) => {
      await worker.thaw()
      await worker.stop()
    })
    const outcomes = await Promise.allSettled(stopping)
    for (const outcome of outcomes) if (outcome.status === 'rejected') this.#failures.push(outcome.reason)
    if (this.#failures.length > 0) throw new AggregateError(this.#failures, 'workers failed')
  }

  async #spawn(place: number, incarnation: number): Promise<void> {
    const { environment, spec, record } = this.#options
    if (environment.spawnWorker === undefined)
      throw new Error('a fault of workers is declared, but the environment has no spawnWorker()')
    const suffix = incarnation === 1 ? '' : `.${String(incarnation)}`
    const name = `${spec.name}${String(place)}${suffix}`
    const worker = await environment.spawnWorker({ ...spec, name }, record)
    this.#running.set(name, worker)
    void worker.exited.then(() => {
      this.#running.delete(name)
      if (this.#closing !== undefined) return
      const started = this.#spawn(place, incarnation + 1).catch((error: unknown) => {
        this.#failures.push(error)
      })
      this.#starting.add(started)
      void started.then(() => this.#starting.delete(started))
    })
  }
}
