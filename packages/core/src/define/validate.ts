import { AetherError, type ErrorCode } from '../errors.ts'
import { textOf } from '../error-shape.ts'
import type { Schema, TaskDefinition } from './task-definition.ts'

type Result = Awaited<ReturnType<Schema['~standard']['validate']>>

/** More issues than this help nobody and travel with the error. */
const maxIssues = 20

type Part = 'input' | 'progress' | 'output'

const codes: Readonly<Record<Part, ErrorCode>> = {
  input: 'ERR_AETHER_INPUT_INVALID',
  progress: 'ERR_AETHER_PROGRESS_INVALID',
  output: 'ERR_AETHER_OUTPUT_INVALID',
}

/**
 * What the definition's schema makes of `value`: at once, or a promise where the schema is asynchronous. Throws (or rejects with) the code of its part, the
 * issues in its detail. Not retryable: the same value fails again.
 */
export function validate(definition: TaskDefinition, part: Part, value: unknown): unknown {
  const schema = definition[part]
  if (schema === undefined) return value
  let result: Result | Promise<Result>
  try {
    result = schema['~standard'].validate(value)
  } catch (thrown) {
    throw invalid(definition, part, [{ message: textOf(thrown) }], thrown)
  }
  return isPromiseLike(result)
    ? result.then(
        (settled) => accepted(definition, part, settled),
        (thrown: unknown) => {
          throw invalid(definition, part, [{ message: textOf(thrown) }], thrown)
        },
      )
    : accepted(definition, part, result)
}

export function isPromiseLike(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === 'object' && value !== null && typeof (value as PromiseLike<unknown>).then === 'function'
  )
}

function accepted(definition: TaskDefinition, part: Part, result: Result): unknown {
  if (result.issues === undefined) return result.value
  const issues = result.issues.slice(0, maxIssues).map(({ message, path }) => {
    if (path === undefined) return { message }
    return {
      message,
      path: path.map((step) => (typeof step === 'object' ? String(step.key) : String(step))).join('.'),
    }
  })
  throw invalid(definition, part, issues)
}

function invalid(
  definition: TaskDefinition,
  part: Part,
  issues: readonly { readonly message: string; readonly path?: string }[],
  cause?: unknown,
): AetherError {
  const first = issues[0]
  const at = first?.path === undefined ? '' : ` at ${first.path}`
  const more = issues.length > 1 ? ` (and ${issues.length - 1} more)` : ''
  return new AetherError(
    codes[part],
    `${part} of ${definition.job}/${definition.task} does not match its schema${at}: ${first?.message ?? 'no reason given'}${more}`,
    { cause, detail: { job: definition.job, task: definition.task, issues } },
  )
}
