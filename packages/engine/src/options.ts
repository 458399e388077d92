import type { DispatchPolicy, EngineClock, EngineLimits, EngineOptions } from './contract.ts'
import { EngineError } from './engine-error.ts'

export const defaultLimits: EngineLimits = {
  maxQueued: 100_000,
  maxBytes: 1024 ** 3,
  maxRoutes: 10_000,
  maxResults: 100_000,
  maxResultBytes: 256 * 1024 ** 2,
  resultTtlMs: 300_000,
  maxDeadLetters: 10_000,
  maxWatchers: 1_000,
  groupTtlMs: 60_000,
}

/** Limits that may be zero: then nothing of the kind is kept. */
const mayBeZero = new Set<string>([
  'maxResults',
  'maxResultBytes',
  'resultTtlMs',
  'maxDeadLetters',
  'groupTtlMs',
])
const policies: readonly string[] = ['most-credit', 'round-robin', 'random'] satisfies DispatchPolicy[]

export interface ResolvedOptions {
  readonly clock: EngineClock
  readonly random: () => number
  readonly dispatch: DispatchPolicy
  readonly limits: EngineLimits
  readonly resultBytes: (result: unknown) => number
}

/** Checks what the caller gave and fills in the rest. `ERR_AETHER_OPTIONS_INVALID`. */
export function resolveOptions(options: EngineOptions): ResolvedOptions {
  if (typeof options?.clock?.now !== 'function')
    throw invalid('clock', 'an object with now()', options?.clock)
  if (typeof options.random !== 'function') throw invalid('random', 'a function', options.random)
  const dispatch = options.dispatch ?? 'most-credit'
  if (!policies.includes(dispatch)) throw invalid('dispatch', policies.join(', '), dispatch)
  const resultBytes = options.resultBytes ?? (() => 0)
  if (typeof resultBytes !== 'function') throw invalid('resultBytes', 'a function', resultBytes)
  return {
    clock: options.clock,
    random: options.random,
    dispatch,
    limits: resolveLimits(options.limits ?? {}),
    resultBytes,
  }
}

function resolveLimits(given: Partial<EngineLimits>): EngineLimits {
  const limits: Record<string, number> = { ...defaultLimits }
  for (const [name, value] of Object.entries(given)) {
    if (!(name in defaultLimits)) throw invalid(`limits.${name}`, Object.keys(defaultLimits).join(', '), name)
    if (value === undefined) continue
    const least = mayBeZero.has(name) ? 0 : 1
    if (!Number.isSafeInteger(value) || value < least) {
      throw invalid(`limits.${name}`, `an integer of ${least} or more`, value)
    }
    limits[name] = value
  }
  return limits as unknown as EngineLimits
}

function invalid(option: string, expected: string, got: unknown): EngineError {
  const shown = typeof got === 'number' || typeof got === 'string' ? String(got) : typeof got
  return new EngineError(
    'ERR_AETHER_OPTIONS_INVALID',
    `engine option ${option}: expected ${expected}, got ${shown}`,
    {
      option,
      expected,
    },
  )
}
