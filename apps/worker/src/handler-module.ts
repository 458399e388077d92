import { pathToFileURL } from 'node:url'

import {
  AetherError,
  type HandleOptions,
  type Logger,
  type TaskDefinition,
  type TaskHandler,
} from '@aether/core'

import type { HandlerModule } from './config/settings.ts'

/** Where a module says which tasks it works on; every `Worker` of `@aether/core` is one. */
export interface HandlerRegistry {
  handle<D extends TaskDefinition>(definition: D, handler: TaskHandler<D>, options?: HandleOptions): unknown
}

/** What the service tells a module that it loads. */
export interface HandlerEnvironment {
  /** What the configuration says beside the module's path. */
  readonly options: Readonly<Record<string, unknown>>
  readonly logger: Logger
  /** How many tasks the worker runs at a time. */
  readonly concurrency: number
}

/**
 * What a handler module exports, by default or as `register`.
 *
 * @example
 * export default function register(worker, { options }) {
 *   worker.handle(resize, (input, ctx) => render(input, { signal: ctx.signal, cache: options.cache }))
 * }
 */
export type RegisterHandlers = (
  worker: HandlerRegistry,
  environment: HandlerEnvironment,
) => void | Promise<void>

/** The handlers that come with the service. */
const builtins: Readonly<Record<string, string>> = {
  'builtin:files/digest': './handlers/files-digest',
  'builtin:image/thumbnail': './handlers/image-thumbnail',
  'builtin:text/stats': './handlers/text-stats',
}

/**
 * Loads a handler module and lets it register.
 * @throws AetherError `ERR_AETHER_OPTIONS_INVALID` when it cannot be loaded, exports no `register` function, or registers nothing;
 * `ERR_AETHER_HANDLER_DUPLICATE` when another module has the task.
 */
export async function loadHandlerModule(
  entry: HandlerModule,
  worker: HandlerRegistry,
  environment: Omit<HandlerEnvironment, 'options'>,
): Promise<void> {
  const register = registerOf(entry.module, await load(entry.module))
  let registered = 0
  const counting: HandlerRegistry = {
    handle(definition, handler, options) {
      worker.handle(definition, handler, options)
      registered++
      return counting
    },
  }
  await register(counting, { ...environment, options: entry.options })
  if (registered === 0)
    throw invalid(entry.module, 'registered no handler: its register function must call worker.handle')
}

async function load(module: string): Promise<Readonly<Record<string, unknown>>> {
  try {
    return (await import(locate(module))) as Readonly<Record<string, unknown>>
  } catch (cause) {
    if (cause instanceof AetherError) throw cause
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw invalid(module, `cannot be loaded: ${reason}`, cause)
  }
}

function locate(module: string): string {
  if (!module.startsWith('builtin:')) return pathToFileURL(module).href
  const path = builtins[module]
  if (path === undefined) throw invalid(module, `is unknown; known are ${Object.keys(builtins).join(', ')}`)
  // Beside this file: a source in tests, a build otherwise.
  return new URL(`${path}${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url).href
}

function registerOf(module: string, loaded: Readonly<Record<string, unknown>>): RegisterHandlers {
  const candidates = [loaded['default'], loaded['register']].filter((value) => value !== undefined)
  const [register] = candidates
  if (typeof register === 'function') return register as RegisterHandlers
  const names = Object.keys(loaded)
  const found = names.length === 0 ? 'it exports nothing' : `it exports ${names.join(', ')}`
  throw invalid(
    module,
    `must export a function register(worker, environment), by default or by that name; ${found}`,
  )
}

function invalid(module: string, problem: string, cause?: unknown): AetherError {
  return new AetherError('ERR_AETHER_OPTIONS_INVALID', `handler module ${module} ${problem}`, {
    cause,
    detail: { module },
  })
}
