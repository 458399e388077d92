import type { EngineStats } from './contract.ts'
import type { DeadLetters } from './queues/dead-letters.ts'
import type { Tally } from './tally.ts'

interface Sizes {
  readonly routes: number
  readonly leased: number
  readonly consumers: number
  readonly results: number
  readonly deadLetters: DeadLetters
}

/** The counts at this moment. */
export function engineStats(tally: Tally, sizes: Sizes): EngineStats {
  const { routes, leased, consumers, results, deadLetters } = sizes
  return {
    routes,
    queues: tally.queues,
    queued: tally.queued,
    delayed: tally.delayed,
    leased,
    consumers,
    results,
    deadLetters: deadLetters.size,
    bytes: tally.bytes + deadLetters.bytes,
    accepted: tally.accepted,
    succeeded: tally.succeeded,
    failed: tally.failed,
    cancelled: tally.cancelled,
    expired: tally.expired,
    open: tally.accepted - tally.succeeded - tally.failed - tally.cancelled - tally.expired,
    deduplicated: tally.deduplicated,
    refused: tally.refused,
    redelivered: tally.redelivered,
    leasesLost: tally.leasesLost,
    deadLettersDropped: deadLetters.dropped,
  }
}
