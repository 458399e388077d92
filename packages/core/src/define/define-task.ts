import { checkFunction, checkInteger, checkKeys, checkMs, optionsInvalid } from '../app/check-options.ts'
import { checkName } from '../topic/names.ts'
import { exponential } from './backoff.ts'
import { defaultPriority } from './default-priority.ts'
import type { Schema, TaskDefinition, TaskDefinitionOptions } from './task-definition.ts'

const where = 'defineTask'

const known: ReadonlySet<string> = new Set([
  'job',
  'task',
  'input',
  'progress',
  'output',
  'deadlineMs',
  'attemptTimeoutMs',
  'ttlMs',
  'attempts',
  'backoff',
  'priority',
  'leaseMs',
  'codec',
] satisfies (keyof TaskDefinitionOptions)[])

const defaultBackoff = exponential(1_000, { maxMs: 30_000 })

/**
 * Defines a kind of task once, for the caller and the worker: names, schemas and defaults. All types follow from the schemas. Throws
 * `ERR_AETHER_NAME_INVALID` and `ERR_AETHER_OPTIONS_INVALID`.
 *
 * @example
 * export const resize = defineTask({
 *   job: 'image',
 *   task: 'resize',
 *   input: z.object({ url: z.string(), width: z.number() }),
 *   output: z.object({ bytes: z.number() }),
 *   deadlineMs: 120_000,
 * })
 */
export function defineTask<
  I extends Schema | undefined = undefined,
  P extends Schema | undefined = undefined,
  O extends Schema | undefined = undefined,
>(options: TaskDefinitionOptions<I, P, O>): TaskDefinition<I, P, O> {
  checkKeys(where, options, known)
  const { backoff = defaultBackoff, codec } = options
  checkFunction(where, 'backoff', backoff)
  if (codec !== undefined && (typeof codec?.encode !== 'function' || typeof codec.decode !== 'function')) {
    throw optionsInvalid(where, 'codec', 'a codec with encode and decode', codec)
  }
  return Object.freeze({
    job: checkName('job', options.job),
    task: checkName('task', options.task),
    input: checkSchema('input', options.input),
    progress: checkSchema('progress', options.progress),
    output: checkSchema('output', options.output),
    deadlineMs: checkMs(where, 'deadlineMs', options.deadlineMs ?? 60_000, 1),
    attemptTimeoutMs: checkMs(where, 'attemptTimeoutMs', options.attemptTimeoutMs ?? 0, 0),
    ttlMs: checkMs(where, 'ttlMs', options.ttlMs ?? 0, 0),
    attempts: checkInteger(where, 'attempts', options.attempts ?? 3, 1, 1_000),
    backoff,
    priority: checkInteger(where, 'priority', options.priority ?? defaultPriority, 0, 9),
    leaseMs: checkMs(where, 'leaseMs', options.leaseMs ?? 30_000, 100),
    codec,
  })
}

function checkSchema<S extends Schema | undefined>(option: string, schema: S | undefined): S {
  if (schema !== undefined && typeof schema['~standard']?.validate !== 'function') {
    throw optionsInvalid(where, option, 'a Standard Schema (zod 3.24+, valibot 1, arktype 2 …)', schema)
  }
  // Undefined is a member of S wherever the option was left out.
  return schema as S
}
