import { AetherError } from '../errors.ts'
import type { TaskContext } from '../worker/worker.ts'
import type { CallbackContext } from './callback-task.ts'

export interface CallbackWork {
  readonly context: CallbackContext
  /** Runs the callback; settles with what `complete` said, or else with what the callback returned or threw. */
  result(callback: () => Promise<unknown>): Promise<unknown>
}

/** Adds `complete` to a task context, and turns it into what a handler returns or throws. */
export function callbackContext(ctx: TaskContext): CallbackWork {
  let resolveResult: (value: unknown) => void = () => {}
  let rejectResult: (error: AetherError) => void = () => {}
  const completed = new Promise<unknown>((resolve, reject) => {
    resolveResult = resolve
    rejectResult = reject
  })
  // Only what comes first counts, and the other may reject unseen.
  completed.catch(() => {})
  const context = contextWith(ctx, (succeed, data) => {
    if (succeed) resolveResult(data)
    else rejectResult(failure(ctx, data))
    return Promise.resolve()
  })
  return {
    context,
    result(callback) {
      callback().then(resolveResult, rejectResult)
      return completed
    },
  }
}

/** Getters go through: a signal that nobody reads is never made. */
function contextWith(ctx: TaskContext, complete: CallbackContext['complete']): CallbackContext {
  const { tid, route, workgroup, attempt, fence, deadline } = ctx
  return {
    tid,
    route,
    workgroup,
    attempt,
    fence,
    deadline,
    get remainingMs() {
      return ctx.remainingMs
    },
    get headers() {
      return ctx.headers
    },
    get signal() {
      return ctx.signal
    },
    get draining() {
      return ctx.draining
    },
    get log() {
      return ctx.log
    },
    progress: (data) => ctx.progress(data),
    status: (percent, data) => ctx.status(percent, data),
    perform: (definition, input, options) => ctx.perform(definition, input, options),
    complete,
  }
}

/** What the worker decided is final: the task is not tried again. */
function failure(ctx: TaskContext, data: unknown): AetherError {
  const text = typeof data === 'string' ? data : 'completed as failed'
  return new AetherError('ERR_AETHER_TASK_FAILED', text, {
    detail: { tid: ctx.tid, ...(data === undefined ? {} : { data }) },
  })
}
