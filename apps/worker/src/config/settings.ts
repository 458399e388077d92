import { z } from 'zod'

/** One handler module to load, and what it is handed. */
export interface HandlerModule {
  /** A path, a `file:` URL, or `builtin:files/digest`, `builtin:image/thumbnail`, `builtin:text/stats`. */
  readonly module: string
  readonly options: Readonly<Record<string, unknown>>
}

/**
 * Everything the service can be told: each name is a key of its file, and `AETHER_` with the name in capitals in the environment
 * (`httpPort`, `AETHER_HTTP_PORT`).
 */
export interface WorkerConfig {
  /** Where the broker listens: `tcp://host:port`. */
  readonly url: string
  /** What the broker asks for; secret. @default none */
  readonly token: string | undefined
  /** A file that holds the token, instead of `token`. @default none */
  readonly tokenFile: string | undefined
  /** @default 'aether' */
  readonly union: string
  /** Unique name of this worker. @default host name and process id */
  readonly name: string
  /** Workers that share work. @default 'workers' */
  readonly workgroup: string
  /** Which context of a task it takes; `+` is any. @default '+' */
  readonly context: string
  /** Tasks at a time. @default 16 */
  readonly concurrency: number
  /** How long it holds a task without a sign of life. @default what the task's definition says */
  readonly leaseMs: number | undefined
  /** How long a drain waits for running tasks before it aborts them. @default 25_000 */
  readonly graceMs: number
  /** The modules whose handlers it runs; in the environment separated by commas, or as JSON. */
  readonly handlers: readonly HandlerModule[]
  /** @default '127.0.0.1' */
  readonly httpHost: string
  /** 0 takes a free one. @default 8_080 */
  readonly httpPort: number
  /** How often it sends itself a task through the broker, to know that the consume path works. @default 5_000 */
  readonly probeIntervalMs: number
  /** How long such a task may take before the path counts as dead. @default 5_000 */
  readonly probeTimeoutMs: number
  /** @default 'info' */
  readonly logLevel: LogLevel
  /** Drains when its standard input ends: for a worker that must not outlive the process which started it. @default false */
  readonly stopOnStdinEnd: boolean
}

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent'

export interface Setting<T> {
  readonly schema: z.ZodType<T>
  /** How the text of an environment variable becomes a value. */
  readonly form: 'text' | 'number' | 'boolean' | 'list'
  /** What a secret holds appears in no message and no log. */
  readonly isSecret?: true
}

export type Settings = { readonly [K in keyof WorkerConfig]: Setting<WorkerConfig[K]> }

/** Names stand in topics, where these characters have a meaning of their own. */
const name = z
  .string()
  .min(1, 'must not be empty')
  .max(128, 'must be at most 128 characters')
  .regex(/^[^/+#*\s\p{Cc}]+$/u, 'must hold no / + # *, spaces or control characters')

const longestMs = 2_147_483_647
const milliseconds = z.int().min(1).max(longestMs)

const brokerUrl = z.string().superRefine((text, context) => {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || url.host === '') {
    context.addIssue({ code: 'custom', message: 'must be a URL like tcp://127.0.0.1:7411' })
  } else if (url.username !== '' || url.password !== '') {
    context.addIssue({ code: 'custom', message: 'must hold no credentials: set token or tokenFile instead' })
  }
})

const handlerModule = z.preprocess(
  (value) => (typeof value === 'string' ? { module: value } : value),
  z.strictObject({
    module: z.string().min(1, 'must not be empty'),
    options: z.record(z.string(), z.unknown()).default({}),
  }),
)

/** The settings with their rules and defaults. */
export const settings: Settings = {
  url: { form: 'text', schema: brokerUrl },
  token: { form: 'text', schema: z.string().min(1).max(65_535).optional(), isSecret: true },
  tokenFile: { form: 'text', schema: z.string().min(1).optional() },
  union: { form: 'text', schema: name.default('aether') },
  name: { form: 'text', schema: name },
  workgroup: { form: 'text', schema: name.default('workers') },
  context: { form: 'text', schema: z.literal('+').or(name).default('+') },
  concurrency: { form: 'number', schema: z.int().min(1).max(10_000).default(16) },
  leaseMs: { form: 'number', schema: milliseconds.optional() },
  graceMs: { form: 'number', schema: z.int().min(0).max(longestMs).default(25_000) },
  handlers: { form: 'list', schema: z.array(handlerModule).min(1, 'must name at least one module') },
  httpHost: { form: 'text', schema: z.string().min(1).default('127.0.0.1') },
  httpPort: { form: 'number', schema: z.int().min(0).max(65_535).default(8_080) },
  probeIntervalMs: { form: 'number', schema: milliseconds.default(5_000) },
  probeTimeoutMs: { form: 'number', schema: milliseconds.default(5_000) },
  logLevel: {
    form: 'text',
    schema: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']).default('info'),
  },
  stopOnStdinEnd: { form: 'boolean', schema: z.boolean().default(false) },
}

export const settingNames: readonly (keyof WorkerConfig)[] = Object.keys(settings) as (keyof WorkerConfig)[]

/** `httpPort` → `AETHER_HTTP_PORT`. */
export function variableName(key: string): string {
  return `AETHER_${key.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`
}
