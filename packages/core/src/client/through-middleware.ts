import type { TaskDefinition } from '../define/task-definition.ts'
import { runChain } from '../middleware/compose.ts'
import type { Call, Middleware } from '../middleware/middleware.ts'
import { alreadyOver } from './client-errors.ts'
import type { Settlement } from './run.ts'
import type { TaskRun } from './task-run.ts'

export interface ThroughHost {
  readonly middleware: readonly Middleware[]
  /** Who answers where middleware does. */
  readonly client: string
  /** Goes on with the call as middleware left it. */
  send(): void
  fail(error: unknown): void
  /** The task has ended, and middleware has yet to see it. */
  intercepted(): void
}

/** What middleware on the client sees of a run that is prepared. */
export function clientCall(
  run: TaskRun,
  definition: TaskDefinition,
  input: unknown,
  headers: Readonly<Record<string, string>> | undefined,
): Call {
  const { tid, route, workgroup } = run
  if (route === undefined || workgroup === undefined) throw new TypeError('the run is not prepared')
  return { side: 'client', definition, route, tid, workgroup, attempt: 0, input, headers: { ...headers } }
}

/** Performs a run through middleware: what the outermost resolves or rejects with is how the run ends. */
export function performThrough(run: TaskRun, call: Call, host: ThroughHost): void {
  const { tid } = run
  let inner: Settlement | undefined
  const innermost = (): Promise<unknown> =>
    new Promise((resolve, reject) => {
      if (run.settlement !== undefined) return reject(alreadyOver(tid))
      run.intercept = (settlement) => {
        inner = settlement
        if (settlement.status === 'succeeded') resolve(settlement.value)
        else reject(settlement.error)
        host.intercepted()
      }
      try {
        host.send()
      } catch (error) {
        host.fail(error)
      }
    })
  void runChain(host.middleware, call, innermost).then(
    (value) => {
      run.intercept = undefined
      const attempt = inner?.attempt ?? 0
      run.finish({ status: 'succeeded', tid, value, attempt, worker: inner?.worker ?? host.client })
    },
    (error: unknown) => {
      run.intercept = undefined
      if (inner !== undefined && inner.status !== 'succeeded' && inner.error === error) run.finish(inner)
      else host.fail(error)
    },
  )
}
