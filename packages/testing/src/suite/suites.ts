import { badInput } from './bad-input.ts'
import { boundedQueues } from './bounded-queues.ts'
import { cancel } from './cancel.ts'
import { close } from './close.ts'
import { credit } from './credit.ts'
import { deadLetter } from './dead-letter.ts'
import { deadline } from './deadline.ts'
import { dedup } from './dedup.ts'
import { delay } from './delay.ts'
import { disconnectedCalls } from './disconnected-calls.ts'
import { engineFaults } from './engine-faults.ts'
import { events } from './events.ts'
import { leases } from './leases.ts'
import { lifecycle } from './lifecycle.ts'
import { ordering } from './ordering.ts'
import { payload } from './payload.ts'
import { presence } from './presence.ts'
import { priority } from './priority.ts'
import { atMostOnce } from './promises/at-most-once.ts'
import { boundedMemory } from './promises/bounded-memory.ts'
import { boundedWaits } from './promises/bounded-waits.ts'
import { cancelAnywhere } from './promises/cancel-anywhere.ts'
import { nothingLost } from './promises/nothing-lost.ts'
import { oneHolder } from './promises/one-holder.ts'
import { oneOutcome } from './promises/one-outcome.ts'
import { subscriptionsOnce } from './promises/subscriptions-once.ts'
import { reconnection } from './reconnection.ts'
import { release } from './release.ts'
import { results } from './results.ts'
import { sendConsume } from './send-consume.ts'
import type { Suite } from './suite-case.ts'
import { workgroups } from './workgroups.ts'

/** Every suite, in the order of the capability matrix. */
export const suites: readonly Suite[] = [
  lifecycle,
  sendConsume,
  workgroups,
  credit,
  leases,
  release,
  deadLetter,
  cancel,
  results,
  dedup,
  deadline,
  delay,
  priority,
  ordering,
  events,
  presence,
  payload,
  boundedQueues,
  close,
  badInput,
  reconnection,
  disconnectedCalls,
  engineFaults,
  oneOutcome,
  oneHolder,
  nothingLost,
  atMostOnce,
  cancelAnywhere,
  boundedWaits,
  boundedMemory,
  subscriptionsOnce,
]
