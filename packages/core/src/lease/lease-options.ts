import { systemClock, type Clock } from '../clock.ts'
import { AetherError } from '../errors.ts'

/** Options of `leased`. Times in milliseconds. */
export interface LeaseOptions {
  /** @default systemClock */
  readonly clock?: Clock
  /** 0 ≤ x < 1, for jitter. @default Math.random */
  readonly random?: () => number
  /** Shortest wait for a worker's answer before a task is offered again; grows with the answer times seen, and doubles each time. @default 1_000 */
  readonly resendMs?: number
  /** Longest wait before a task is offered again. @default 10_000 */
  readonly resendMaxMs?: number
  /** How long a worker may keep its `accept` back: a task that ends sooner needs none. @default 0 */
  readonly acceptDelayMs?: number
  /** Wait before an unanswered `renew`, completion or release is said again; doubles up to eight times that. @default 200 */
  readonly retryMs?: number
  /** How long `attach` and `cancel` of another instance's task wait for whoever holds it. @default 1_000 */
  readonly queryMs?: number
  /** Tasks of one route and workgroup that may be out without having started; the others wait here. @default 256 */
  readonly window?: number
  /** Open tasks of this instance; one more is `ERR_AETHER_QUEUE_FULL`. @default 100_000 */
  readonly maxOpen?: number
  /** Tasks a consumer keeps beyond its credit; it answers `busy` to one more. @default 1_024 */
  readonly maxHeld?: number
  /** Finished tasks remembered by caller and worker, for deduplication and `attach`. @default 10_000 */
  readonly maxResults?: number
  /** How long a finished task is remembered. @default 300_000 */
  readonly resultTtlMs?: number
  /** Dead letters kept by the caller; the oldest go first. @default 1_000 */
  readonly maxDeadLetters?: number
  /** Tasks of other instances that this one follows; one more is `ERR_AETHER_QUEUE_FULL`. @default 10_000 */
  readonly maxAttached?: number
  /** Instances that may follow one task. @default 100 */
  readonly maxWatchers?: number
  /** Workgroups that may observe one task. @default 16 */
  readonly maxGroups?: number
  /** Publish status and complete for those who listen, besides telling the caller. @default true */
  readonly announce?: boolean
}

export type LeaseSettings = Required<LeaseOptions>

const numbers = {
  resendMs: 1_000,
  resendMaxMs: 10_000,
  acceptDelayMs: 0,
  retryMs: 200,
  queryMs: 1_000,
  window: 256,
  maxOpen: 100_000,
  maxHeld: 1_024,
  maxResults: 10_000,
  resultTtlMs: 300_000,
  maxDeadLetters: 1_000,
  maxAttached: 10_000,
  maxWatchers: 100,
  maxGroups: 16,
} as const

type NumberName = keyof typeof numbers
/** These may be 0: nothing is held, kept, remembered or waited for. */
const mayBeZero: ReadonlySet<NumberName> = new Set([
  'acceptDelayMs',
  'maxHeld',
  'maxDeadLetters',
  'maxWatchers',
  'maxGroups',
])

/** Checks options and fills in defaults; throws `ERR_AETHER_OPTIONS_INVALID`. */
export function leaseSettings(options: LeaseOptions = {}): LeaseSettings {
  const checked: Record<NumberName, number> = { ...numbers }
  for (const name of Object.keys(numbers) as NumberName[]) {
    const value = options[name] ?? numbers[name]
    const least = mayBeZero.has(name) ? 0 : 1
    if (!Number.isSafeInteger(value) || value < least) {
      throw invalid(`${name} must be a whole number of ${least} or more, not ${String(value)}`)
    }
    checked[name] = value
  }
  const { clock = systemClock, random = Math.random, announce = true } = options
  if (typeof clock?.setTimer !== 'function') throw invalid('clock must be a Clock')
  if (typeof random !== 'function') throw invalid('random must be a function')
  if (typeof announce !== 'boolean') throw invalid('announce must be a boolean')
  if (checked.resendMaxMs < checked.resendMs) throw invalid('resendMaxMs must not be less than resendMs')
  return { ...checked, clock, random, announce }
}

function invalid(why: string): AetherError {
  return new AetherError('ERR_AETHER_OPTIONS_INVALID', `leased: ${why}`)
}
