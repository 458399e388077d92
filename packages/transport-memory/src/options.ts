import { AetherError } from '@aether/core'
import type { DispatchPolicy, EngineLimits } from '@aether/engine'
import { defaultLimits } from '@aether/engine'

import { memoryCapabilities } from './capabilities.ts'

export interface MemoryOptions {
  /** Which worker of a workgroup gets the next task. @default 'most-credit' */
  readonly dispatch?: DispatchPolicy
  /** Largest body of a task, an event or a completion. @default 1_048_576 */
  readonly maxPayloadBytes?: number
  /** Calls that may wait while a transport is cut off; one more rejects with `ERR_AETHER_QUEUE_FULL`. @default 10_000 */
  readonly maxPending?: number
  /** How long a call may wait while a transport is cut off, in milliseconds. @default 30_000 */
  readonly connectTimeoutMs?: number
  /** Bounds of queues, results and dead letters: see `@aether/engine`. */
  readonly limits?: Partial<EngineLimits>
}

/** What of the options may differ from one transport of a hub to the next. */
export type MemoryTransportOptions = Pick<MemoryOptions, 'maxPending' | 'connectTimeoutMs'>

export interface ResolvedMemoryOptions {
  readonly dispatch: DispatchPolicy
  readonly maxPayloadBytes: number
  readonly maxPending: number
  readonly connectTimeoutMs: number
  readonly limits: EngineLimits
}

export const memoryDefaults: ResolvedMemoryOptions = {
  dispatch: 'most-credit',
  maxPayloadBytes: memoryCapabilities.maxPayloadBytes,
  maxPending: 10_000,
  connectTimeoutMs: 30_000,
  limits: defaultLimits,
}

/** Checks and fills in; the engine checks its own. Throws `ERR_AETHER_OPTIONS_INVALID`. */
export function resolveMemoryOptions(
  options: MemoryOptions,
  defaults: ResolvedMemoryOptions = memoryDefaults,
): ResolvedMemoryOptions {
  if (typeof options !== 'object' || options === null) throw invalid('options', 'an object', options)
  for (const name of Object.keys(options)) {
    if (!(name in memoryDefaults))
      throw invalid(name, `one of ${Object.keys(memoryDefaults).join(', ')}`, name)
  }
  const resolved = {
    dispatch: options.dispatch ?? defaults.dispatch,
    maxPayloadBytes: options.maxPayloadBytes ?? defaults.maxPayloadBytes,
    maxPending: options.maxPending ?? defaults.maxPending,
    connectTimeoutMs: options.connectTimeoutMs ?? defaults.connectTimeoutMs,
    limits: { ...defaults.limits, ...options.limits },
  }
  for (const name of ['maxPayloadBytes', 'maxPending', 'connectTimeoutMs'] as const) {
    const value: unknown = resolved[name]
    if (!Number.isSafeInteger(value) || (value as number) < 1)
      throw invalid(name, 'an integer of 1 or more', value)
  }
  return resolved
}

function invalid(option: string, expected: string, got: unknown): AetherError {
  const shown = typeof got === 'number' || typeof got === 'string' ? String(got) : typeof got
  return new AetherError(
    'ERR_AETHER_OPTIONS_INVALID',
    `memory transport: ${option} must be ${expected}, not ${shown}`,
    {
      detail: { option },
    },
  )
}
