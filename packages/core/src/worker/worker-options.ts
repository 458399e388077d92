import {
  checkBoolean,
  checkFunction,
  checkInteger,
  checkKeys,
  checkMs,
  optionsInvalid,
} from '../app/check-options.ts'
import type { Plan } from '../app/plan.ts'
import type { Middleware } from '../middleware/middleware.ts'
import { checkName } from '../topic/names.ts'
import type { Registration } from './work-host.ts'
import type { HandleOptions, TaskHandler, WorkerOptions } from './worker.ts'
import type { TaskDefinition } from '../define/task-definition.ts'

export interface CheckedWorkerOptions {
  readonly workgroup: string
  readonly concurrency: number
  readonly channel: string | undefined
  readonly name: string
  readonly middleware: readonly Middleware[]
  readonly presenceMs: number
  readonly announce: boolean
  readonly graceMs: number
  readonly pool: string
}

const workerKeys: ReadonlySet<string> = new Set([
  'workgroup',
  'concurrency',
  'channel',
  'name',
  'middleware',
  'presenceMs',
  'announce',
  'graceMs',
  'pool',
] satisfies (keyof WorkerOptions)[])

const handleKeys: ReadonlySet<string> = new Set([
  'concurrency',
  'leaseMs',
  'attemptTimeoutMs',
  'context',
] satisfies (keyof HandleOptions)[])

/** Fills in the defaults; throws `ERR_AETHER_OPTIONS_INVALID` or `ERR_AETHER_NAME_INVALID`. */
export function checkWorkerOptions(options: WorkerOptions, defaultName: string): CheckedWorkerOptions {
  const where = 'worker'
  checkKeys(where, options, workerKeys)
  const { channel, presenceMs = 5_000, announce = false } = options
  if (channel !== undefined && typeof channel !== 'string')
    throw optionsInvalid(where, 'channel', 'a string', channel)
  checkBoolean(where, 'announce', announce)
  // 0 turns presence off; anything shorter than this would be a flood.
  if (presenceMs !== 0) checkMs(where, 'presenceMs', presenceMs, 100)
  const name = checkName('client', options.name ?? defaultName)
  return {
    workgroup: checkName('workgroup', options.workgroup ?? 'workers'),
    concurrency: checkInteger(where, 'concurrency', options.concurrency ?? 16, 1, 100_000),
    channel,
    name,
    middleware: checkMiddleware(where, options.middleware ?? []),
    presenceMs,
    announce,
    graceMs: checkMs(where, 'graceMs', options.graceMs ?? 30_000, 0),
    pool: checkName('client', options.pool ?? name),
  }
}

/** Throws `ERR_AETHER_OPTIONS_INVALID` or `ERR_AETHER_NAME_INVALID`. */
export function checkHandle(
  plan: Plan,
  handler: TaskHandler<TaskDefinition>,
  options: HandleOptions,
  workerConcurrency: number,
): Registration {
  const where = 'worker.handle'
  const { definition } = plan
  checkFunction(where, 'handler', handler)
  checkKeys(where, options, handleKeys)
  const context = options.context ?? '+'
  return {
    plan,
    handler,
    concurrency: checkInteger(where, 'concurrency', options.concurrency ?? workerConcurrency, 1, 100_000),
    leaseMs: checkMs(where, 'leaseMs', options.leaseMs ?? definition.leaseMs, 100),
    attemptTimeoutMs: checkMs(
      where,
      'attemptTimeoutMs',
      options.attemptTimeoutMs ?? definition.attemptTimeoutMs,
      0,
    ),
    context: context === '+' ? context : checkName('context', context),
    active: 0,
  }
}

/** A copy, so that the caller's array can change without consequences. */
export function checkMiddleware(where: string, middleware: readonly Middleware[]): readonly Middleware[] {
  if (!Array.isArray(middleware))
    throw optionsInvalid(where, 'middleware', 'an array of functions', middleware)
  for (const each of middleware) checkFunction(where, 'middleware', each)
  return [...(middleware as readonly Middleware[])]
}
