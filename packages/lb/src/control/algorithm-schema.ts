import * as z from 'zod'
import { type AlgorithmName, algorithmNames, type AlgorithmOptions } from '../strategies/algorithm.ts'
import { anything, type Field, number, oneOf, section, text, withoutNulls } from './fields.ts'

type Config = Omit<AlgorithmOptions, 'name'>

const term = number('a number from 0', { min: 0 })
const bounded: Readonly<Record<string, Field<Config>>> = {
  bounded_load: [
    'boundedLoad',
    number('a number above 1 and at most 1000', { min: 1, above: true, max: 1_000 }),
  ],
}
const configs: Readonly<Partial<Record<AlgorithmName, z.ZodType<Config>>>> = {
  'ip-hash': section(bounded),
  'ring-hash': section({
    ...bounded,
    points: ['points', number('an integer from 1 to 100000', { min: 1, max: 100_000, integer: true })],
  }),
  maglev: section(bounded),
  rendezvous: section(bounded),
  'quantum-aware': section({
    quantum_weight: ['capabilityWeight', term],
    priority_weight: ['priorityWeight', term],
    load_weight: ['loadWeight', term],
    latency_weight: ['latencyWeight', term],
    workloads: ['workloads', z.record(z.string(), text, 'workloads with the capability that each needs')],
  }),
}
const noConfig = section<Config>({})

/** The names of the document, which writes them with underscores; `weighted` is its smooth weighted round robin. */
const byType: ReadonlyMap<string, AlgorithmName> = new Map([
  ...algorithmNames.map((name) => [name.replaceAll('-', '_'), name] as const),
  ['weighted', 'weighted-round-robin'],
])

/** `{ type, config }` as the document has it (`algorithm_type` is the same as `type`), or the name alone; upper case and dashes are understood. */
export const algorithm: z.ZodType<AlgorithmOptions> = z
  .preprocess(
    spell,
    section<{ readonly type: string; readonly config?: Readonly<Record<string, unknown>> }>({
      type: ['type', oneOf([...byType.keys()]), 'required'],
      config: ['config', anything],
    }),
  )
  .transform(({ type, config = {} }, context): AlgorithmOptions => {
    const name = byType.get(type) ?? 'p2c'
    const checked = (configs[name] ?? noConfig).safeParse(config, { reportInput: true })
    if (checked.success) return { name, ...checked.data }
    for (const issue of checked.error.issues) {
      context.issues.push({
        ...issue,
        input: issue.input,
        path: ['config', ...issue.path],
      } as z.core.$ZodRawIssue)
    }
    return z.NEVER
  })

function spell(value: unknown): unknown {
  if (typeof value === 'string') return { type: spellType(value) }
  const fields = withoutNulls(value)
  if (typeof fields !== 'object' || fields === null || Array.isArray(fields)) return fields
  const { algorithm_type: type, ...rest } = fields as Readonly<Record<string, unknown>>
  const given = rest['type'] ?? type
  return given === undefined ? rest : { ...rest, type: typeof given === 'string' ? spellType(given) : given }
}

function spellType(type: string): string {
  return type.toLowerCase().replaceAll('-', '_')
}
