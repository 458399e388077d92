import * as z from 'zod'
import { unknownKey } from '../unknown-name.ts'

/** The message of a schema says what it allows; what was wrong with the value follows from that. */
export function number(
  allowed: string,
  range: { min: number; max?: number; above?: boolean; integer?: boolean },
): z.ZodType<number> {
  const { min, max = Number.MAX_SAFE_INTEGER, above = false, integer = false } = range
  const bounded = above ? z.number(allowed).gt(min, allowed) : z.number(allowed).min(min, allowed)
  const schema = bounded.max(max, allowed)
  return integer ? schema.int(allowed) : schema
}

const longestSeconds = 2_147_483

/** A time in seconds, as a number of milliseconds. */
export const seconds: z.ZodType<number> = number(`seconds above 0 and at most ${longestSeconds}`, {
  min: 0,
  above: true,
  max: longestSeconds,
}).transform(milliseconds)
export const secondsOrNone: z.ZodType<number> = number(`seconds from 0 to ${longestSeconds}`, {
  min: 0,
  max: longestSeconds,
}).transform(milliseconds)
export const count: z.ZodType<number> = number('an integer from 1', { min: 1, integer: true })
export const countOrNone: z.ZodType<number> = number('an integer from 0', { min: 0, integer: true })
export const share: z.ZodType<number> = number('a number from 0 to 1', { min: 0, max: 1 })
export const positiveShare: z.ZodType<number> = number('a number above 0 and at most 1', {
  min: 0,
  max: 1,
  above: true,
})
export const text: z.ZodType<string> = z
  .string('a text that is not empty')
  .regex(/\S/, 'a text that is not empty')
/** Tables take the memory of all their places at once. */
export const entries: z.ZodType<number> = number('an integer from 1 to 10000000', {
  min: 1,
  max: 10_000_000,
  integer: true,
})
export const flag: z.ZodType<boolean> = z.boolean('true or false')
export const texts: z.ZodType<readonly string[]> = z.array(text, 'a list of texts')
export const textRecord: z.ZodType<Readonly<Record<string, string>>> = z.record(
  z.string(),
  text,
  'names with texts',
)
export const anything: z.ZodType<Readonly<Record<string, unknown>>> = z.record(
  z.string(),
  z.unknown(),
  'names with values',
)

export function oneOf<const T extends string>(choices: readonly T[]): z.ZodType<T> {
  return z.enum(choices)
}

/** A key of a section: the name of its option, what it may be, and whether it has to be there. */
export type Field<T> = readonly [name: keyof T & string, schema: z.ZodType, presence?: 'required']

/**
 * An object with these keys and no others, as the options they stand for. A key without a value in YAML is null: as if it were not there, unless it may be
 * null.
 */
export function section<T>(fields: Readonly<Record<string, Field<T>>>, allowed = 'an object'): z.ZodType<T> {
  const known = Object.keys(fields)
  const nullable = known.filter((key) => fields[key]?.[1].safeParse(null).success)
  const shape = Object.fromEntries(
    Object.entries(fields).map(([key, [, schema, presence]]) => [
      key,
      presence === 'required' ? schema : schema.optional(),
    ]),
  )
  const object = z.strictObject(shape, {
    error: (issue) =>
      issue.code === 'unrecognized_keys' ? unknownKey(String(issue.keys[0]), known) : allowed,
  })
  const given = z.preprocess((value) => withoutNulls(value, nullable), object)
  return given.transform((values) => {
    const named = Object.entries(values).flatMap(([key, value]) => {
      const name = fields[key]?.[0]
      return name === undefined || value === undefined ? [] : [[name, value] as const]
    })
    return Object.fromEntries(named) as T
  })
}

/** The same with the key `enabled`: where that is false, `false` stands for all of it. */
export function switched<T>(
  fields: Readonly<Record<string, Field<T>>>,
  allowed = 'an object',
): z.ZodType<T | false> {
  const all: Readonly<Record<string, Field<T & { readonly enabled?: boolean }>>> = {
    enabled: ['enabled', flag],
    ...fields,
  }
  return section(all, allowed).transform(({ enabled = true, ...options }) => enabled && (options as T))
}

/** `nullable` are the keys of which null says something. */
export function withoutNulls(value: unknown, nullable: readonly string[] = []): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  const told = Object.entries(value).filter(([key, each]) => each !== null || nullable.includes(key))
  return Object.fromEntries(told)
}

function milliseconds(given: number): number {
  // 1.1 × 1000 is not quite 1100.
  return Math.round(given * 1_000_000) / 1_000
}
