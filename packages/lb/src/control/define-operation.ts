import type * as z from 'zod'
import { checkSchema } from './check-schema.ts'
import type { ControlWorld } from './operation.ts'
import { type Field, section } from './fields.ts'

/** Checks the fields of an operation and does it. */
export type Run = (fields: unknown, world: ControlWorld) => unknown

/** An operation that takes these fields and no others. */
export function define<T>(
  fields: Readonly<Record<string, Field<T>>>,
  run: (fields: T, world: ControlWorld) => unknown,
): Run {
  const schema: z.ZodType<T> = section(fields)
  return (given, world) => run(checkSchema(schema, given, 'operation'), world)
}

/** The names of fields as remote callers write them: `meanMs` becomes `mean_ms`. Only the fields themselves, not what is in them. */
export function snake(fields: object): Record<string, unknown> {
  const named = Object.entries(fields).map(([name, value]) => [
    name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
    value as unknown,
  ])
  return Object.fromEntries(named) as Record<string, unknown>
}
