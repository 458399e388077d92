import type { Consumer } from './consumer.ts'
import type { DispatchPolicy } from '../contract.ts'
import { CreditBuckets } from './credit-buckets.ts'
import { RandomChoice } from './random-choice.ts'
import { RoundRobin } from './round-robin.ts'

/** The free consumers of an interest, and which of them is next. Every step is O(1). */
export interface Selector {
  add(consumer: Consumer): void
  remove(consumer: Consumer): void
  /** Who should take the next task; it stays in. */
  peek(): Consumer | undefined
  /** It took one, and is still free for more. */
  took(consumer: Consumer): void
  /** It gave one back, and was free before. */
  gave(consumer: Consumer): void
}

export function createSelector(policy: DispatchPolicy, random: () => number): Selector {
  if (policy === 'round-robin') return new RoundRobin()
  if (policy === 'random') return new RandomChoice(random)
  return new CreditBuckets()
}
