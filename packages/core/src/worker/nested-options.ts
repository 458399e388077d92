import type { PerformOptions } from '../client/run.ts'
import { checkPerformOptions } from '../client/perform-options.ts'
import type { TaskDefinition } from '../define/task-definition.ts'
import { traceHeaders } from '../trace/traceparent.ts'
import type { TaskContext } from './worker.ts'

/**
 * Options of a task performed within another: it may not outlive it, is cancelled with it, and belongs to its trace. What the handler says itself wins, but
 * for the deadline, of which the earlier wins.
 */
export function nestedOptions(
  ctx: TaskContext,
  definition: TaskDefinition,
  options: PerformOptions,
  channel: string,
): PerformOptions {
  try {
    checkPerformOptions(options)
  } catch {
    // Nothing can be made of them: performing with them says what is wrong, as a run that fails.
    return options
  }
  const inherited = traceHeaders(ctx.headers)
  const headers = inherited === undefined ? options.headers : { ...inherited, ...options.headers }
  const ownMs = options.deadlineMs ?? definition?.deadlineMs ?? ctx.remainingMs
  return {
    channel,
    ...options,
    deadlineMs: Math.max(1, Math.min(ownMs, ctx.remainingMs)),
    signal: options.signal === undefined ? ctx.signal : AbortSignal.any([ctx.signal, options.signal]),
    ...(headers === undefined ? {} : { headers }),
  }
}
