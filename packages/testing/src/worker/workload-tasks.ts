import { defineTask, fixed } from '@aether/core'
import type { TaskDefinition } from '@aether/core'

/** What every task of the workload takes; each reads what concerns it. */
export interface WorkloadInput {
  /** Comes back in the output. */
  readonly n: number
  /** How long the work takes. @default 0 */
  readonly ms?: number
}

export interface WorkloadOutput {
  readonly n: number
  readonly attempt: number
}

export interface WorkloadContext {
  readonly attempt: number
  readonly signal: AbortSignal
  /** Resolves when the engine has accepted it. */
  report(progress: number): Promise<void>
  /** Ends the worker as SIGKILL would. */
  crash(): Promise<void>
}

export type WorkloadHandler = (input: WorkloadInput, context: WorkloadContext) => Promise<WorkloadOutput>

export type WorkloadName = 'echo' | 'slow' | 'progress' | 'flaky' | 'crash' | 'stubborn'

function define(task: WorkloadName): TaskDefinition<undefined, undefined, undefined> {
  // Many attempts: under a storm of faults a task may lose several workers, and must end well all the same.
  return defineTask({ job: 'workload', task, attempts: 50, backoff: fixed(20), deadlineMs: 60_000 })
}

/** The tasks of the workload, for those who perform them. */
export const workloadDefinitions: Readonly<
  Record<WorkloadName, TaskDefinition<undefined, undefined, undefined>>
> = {
  echo: define('echo'),
  slow: define('slow'),
  progress: define('progress'),
  flaky: define('flaky'),
  crash: define('crash'),
  stubborn: define('stubborn'),
}

/** What its workers do. Each task succeeds in the end with the `n` it was given, whatever happens to its workers on the way. */
export const workloadHandlers: Readonly<Record<WorkloadName, WorkloadHandler>> = {
  /** Answers at once. */
  echo: async ({ n }, { attempt }) => ({ n, attempt }),
  /** Takes `ms`, unless told to stop. */
  async slow({ n, ms = 0 }, { attempt, signal }) {
    await sleep(ms, signal)
    return { n, attempt }
  },
  /** Reports five times on its way. */
  async progress({ n, ms = 0 }, { attempt, report, signal }) {
    for (const step of [20, 40, 60, 80, 100]) {
      await sleep(ms / 5, signal)
      await report(step)
    }
    return { n, attempt }
  },
  /** Throws in its first attempt. */
  async flaky({ n }, { attempt }) {
    if (attempt === 1) throw new Error('the first attempt always fails')
    return { n, attempt }
  },
  /** Takes its worker down in its first attempt. */
  async crash({ n }, { attempt, crash }) {
    if (attempt === 1) await crash()
    return { n, attempt }
  },
  /** Takes `ms` and completes, though told to stop: its late completion must be refused. */
  async stubborn({ n, ms = 0 }, { attempt }) {
    await sleep(ms)
    return { n, attempt }
  },
}

function sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(signal.reason as Error)
      return
    }
    const abort = (): void => {
      clearTimeout(timer)
      reject(signal?.reason as Error)
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', abort)
      resolve()
    }, delayMs)
    signal?.addEventListener('abort', abort, { once: true })
  })
}
