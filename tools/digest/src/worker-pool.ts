import { describeExit, type WorkerProcess, workerProcess } from './worker-process.ts'

export interface WorkerPoolOptions {
  readonly names: readonly string[]
  readonly command: readonly [string, ...string[]]
  /** The environment of the worker of that name. */
  readonly env: (name: string) => Readonly<Record<string, string | undefined>>
  /** How often a worker that ends by itself is started again before the pool gives up. @default 3 */
  readonly maxRestarts?: number
  /** Called once, when the pool gives up: tasks may wait for ever now. */
  readonly onFailure: (error: Error) => void
}

export interface KilledWorker {
  readonly pid: number
  /** The process that took its place; undefined when none could. */
  readonly restartedAs: number | undefined
}

/** The worker processes of a run. */
export interface WorkerPool {
  /** Starts all of them; resolves when each is ready. */
  start(): Promise<void>
  /** Kills one with SIGKILL and starts it again; resolves once the new one is ready, or cannot be. */
  killAndRestart(name: string): Promise<KilledWorker>
  /** Asks every process to stop, kills those that do not within `graceMs`, and resolves when all are gone. */
  stop(graceMs: number): Promise<void>
  /** Kills every process at once, waiting for nothing. */
  killAll(): void
}

export function workerPool(options: WorkerPoolOptions): WorkerPool {
  const { names, maxRestarts = 3, onFailure } = options
  const running = new Map<string, WorkerProcess>()
  const restarts = new Map<string, number>()
  let isStopping = false

  function launch(name: string): WorkerProcess {
    const worker = workerProcess({ name, command: options.command, env: options.env(name) })
    running.set(name, worker)
    void worker.exited.then((exit) => {
      // A worker that was replaced is nobody's concern any more.
      if (isStopping || running.get(name) !== worker) return
      const count = (restarts.get(name) ?? 0) + 1
      restarts.set(name, count)
      if (count <= maxRestarts) launch(name)
      else onFailure(new Error(`${name} keeps ending (${describeExit(exit)})`))
    })
    return worker
  }

  return {
    async start() {
      const workers = names.map(launch)
      await Promise.all(workers.map((worker) => worker.ready))
    },
    async killAndRestart(name) {
      const old = running.get(name)
      if (old === undefined) throw new Error(`there is no worker ${name}`)
      running.delete(name)
      old.kill('SIGKILL')
      await old.exited
      if (isStopping) return { pid: old.pid, restartedAs: undefined }
      const worker = launch(name)
      const isReady = await worker.ready.then(
        () => true,
        () => false,
      )
      return { pid: old.pid, restartedAs: isReady ? worker.pid : undefined }
    },
    async stop(graceMs) {
      isStopping = true
      const workers = [...running.values()]
      for (const worker of workers) worker.kill('SIGTERM')
      const timer = setTimeout(() => {
        for (const worker of workers) worker.kill('SIGKILL')
      }, graceMs)
      await Promise.all(workers.map((worker) => worker.exited))
      clearTimeout(timer)
    },
    killAll() {
      isStopping = true
      for (const worker of running.values()) worker.kill('SIGKILL')
    },
  }
}
