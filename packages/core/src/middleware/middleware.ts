import type { TaskDefinition } from '../define/task-definition.ts'
import type { Route } from '../transport.ts'

/** What a middleware sees of a task, on the caller's side or on the worker's. */
export interface Call {
  readonly side: 'client' | 'worker'
  readonly definition: TaskDefinition
  readonly route: Route
  readonly tid: string
  readonly workgroup: string
  /** 0 on the client. */
  readonly attempt: number
  /** On the client what the caller passed, on the worker what validation made of it; a middleware may replace it. */
  input: unknown
  /** On the client what will be sent; on the worker what came, and what nested performs inherit. A middleware may add to it. */
  readonly headers: Record<string, string>
}

/**
 * Runs around each task: around sending and waiting on the client, around the handler on the worker. Resolves with the output that `next()` gave or another;
 * throwing fails the task. Call `next` at most once.
 */
export type Middleware = (call: Call, next: () => Promise<unknown>) => Promise<unknown>
