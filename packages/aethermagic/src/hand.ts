import { AetherError, isAetherError, isBinary, json, type TaskContext } from '@aether/core'
import { afterTheEnd, optionInvalid } from './errors.ts'

/** A task in a worker's hands: what its `status` and `complete` act on, and what its handler's end means. */
export class Hand {
  readonly ctx: TaskContext
  /** What the task ends with. */
  readonly result: Promise<unknown>
  #resolve: (value: unknown) => void = () => {}
  #reject: (error: unknown) => void = () => {}
  /** How it ended; undefined while it is open. */
  #how: string | undefined

  constructor(ctx: TaskContext) {
    this.ctx = ctx
    this.result = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  async status(progress: number, data: unknown): Promise<void> {
    if (this.#how !== undefined) throw afterTheEnd('status', this.ctx.tid, this.#how)
    // As in Python; what is no number is refused by the worker.
    const percent = typeof progress === 'number' ? Math.min(100, Math.max(0, progress)) : progress
    await this.ctx.status(percent, data)
  }

  complete(succeed: boolean, data: unknown): void {
    if (this.#how !== undefined) throw afterTheEnd('complete', this.ctx.tid, this.#how)
    if (typeof succeed !== 'boolean')
      throw optionInvalid('AetherTask.complete', 'succeed', 'true or false', succeed)
    const { signal } = this.ctx
    // Cancelled, too late, or with another worker by now. A worker that shuts down still tells what it has done.
    if (signal.aborted && !isShutdown(signal.reason)) throw signal.reason
    // Told here, where it can be mended, and not only to the caller.
    if (!isBinary(data)) json.encode(data)
    this.#how = 'complete() was called before'
    if (succeed) this.#resolve(data)
    else this.#reject(failure(this.ctx.tid, data))
  }

  /** The handler returned: that completes what it did not complete by itself. */
  returned(value: unknown): void {
    if (this.#how !== undefined) return
    this.#how = 'on_perform had returned; keep it running until complete()'
    this.#resolve(value ?? {})
  }

  /** The handler threw. Unlike elsewhere in Aether that is final, as Python never does anything twice; an error that says `retryable: true` is tried again. */
  threw(error: unknown): void {
    if (this.#how !== undefined) {
      this.ctx.log.error('on_perform threw after complete()', { error: textOf(error) })
      return
    }
    this.#how = 'on_perform had thrown'
    this.ctx.log.error('on_perform threw', { error: textOf(error) })
    this.#reject(isAetherError(error) || saysRetryable(error) ? error : thrown(this.ctx.tid, error))
  }
}

function isShutdown(reason: unknown): boolean {
  return isAetherError(reason) && reason.code === 'ERR_AETHER_WORKER_SHUTDOWN'
}

/** What the worker decided is final: the task is not tried again. */
function failure(tid: string, data: unknown): AetherError {
  const text = typeof data === 'string' ? data : 'completed as failed'
  return new AetherError('ERR_AETHER_TASK_FAILED', text, { detail: { tid, data } })
}

function thrown(tid: string, error: unknown): AetherError {
  return new AetherError('ERR_AETHER_TASK_FAILED', textOf(error), { cause: error, detail: { tid } })
}

function saysRetryable(error: unknown): boolean {
  return error instanceof Error && 'retryable' in error && error.retryable === true
}

export function textOf(error: unknown): string {
  if (error instanceof Error) return error.message || error.name
  return typeof error === 'string' ? error : `a ${typeof error} was thrown`
}
