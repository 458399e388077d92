import type * as z from 'zod'
import { show } from '../check-options.ts'
import { LbError, type LbErrorCode } from '../errors.ts'
import { suggest } from '../unknown-name.ts'

/** Where in a file a path is, as far as anyone knows: `line 3, column 5: `. */
export type Locate = (path: readonly PropertyKey[]) => string

const nowhere: Locate = () => ''

/** Where secrets may stand: what is wrong there is not shown. */
const confidential: ReadonlySet<PropertyKey> = new Set(['secret', 'headers', 'cookie', 'session_id', 'key'])

/** What the schema makes of the value, or one `LbError` that names the first place that is wrong, what stands there, and what is allowed. */
export function checkSchema<T>(
  schema: z.ZodType<T>,
  value: unknown,
  root: string,
  locate: Locate = nowhere,
): T {
  const result = schema.safeParse(value, { reportInput: true })
  if (result.success) return result.data
  const [first] = result.error.issues
  if (first === undefined) throw new LbError('ERR_AETHER_OPTIONS_INVALID', `${root} is not valid`)
  const path = pathOf(first.path, root)
  throw new LbError(codeOf(first), `${locate(whereOf(first))}${path} ${complaint(first)}`, {
    detail: { path, problems: result.error.issues.length },
  })
}

function whereOf(issue: z.core.$ZodIssue): readonly PropertyKey[] {
  return issue.code === 'unrecognized_keys' ? [...issue.path, issue.keys[0] as string] : issue.path
}

function complaint(issue: z.core.$ZodIssue): string {
  // Messages of custom rules and of unknown keys are whole; those of schemas say what is allowed.
  if (issue.code === 'custom' || issue.code === 'unrecognized_keys') return issue.message
  const { input } = issue
  const choices = issue.code === 'invalid_value' ? issue.values.map(String) : []
  const allowed = choices.length === 0 ? issue.message : `one of ${choices.join(', ')}`
  if (issue.path.some((name) => confidential.has(name))) return `must be ${allowed}`
  if (input === undefined) return `is missing: it must be ${allowed}`
  return `must be ${allowed}, not ${show(input)}${typeof input === 'string' ? suggest(input, choices) : ''}`
}

function codeOf(issue: z.core.$ZodIssue): LbErrorCode {
  if (issue.code === 'custom' && issue.params?.['code'] !== undefined)
    return issue.params['code'] as LbErrorCode
  const [first, second] = issue.path
  const isAlgorithm = first === 'algorithm' || (first === 'load_balancing' && second === 'algorithm')
  return isAlgorithm ? 'ERR_AETHER_ALGORITHM_INVALID' : 'ERR_AETHER_OPTIONS_INVALID'
}

function pathOf(path: readonly PropertyKey[], root: string): string {
  let text = ''
  for (const key of path)
    text += typeof key === 'number' ? `[${key}]` : text === '' ? String(key) : `.${String(key)}`
  return text === '' ? root : text
}
