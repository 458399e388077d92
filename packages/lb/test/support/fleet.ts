import {
  type BackendOptions,
  type Balancer,
  type BalancerOptions,
  createBalancer,
  seededRandom,
} from '../../src/index.ts'
import { ManualClock } from './manual-clock.ts'

export interface Fleet {
  readonly lb: Balancer
  readonly clock: ManualClock
}

/** A balancer on a manual clock with backends b0, b1, … */
export function fleet(
  count: number,
  options: BalancerOptions = {},
  each: (index: number) => Partial<BackendOptions> = () => ({}),
): Fleet {
  const clock = new ManualClock()
  const lb = createBalancer({ clock, random: seededRandom(42), ...options })
  for (let index = 0; index < count; index++)
    lb.add({ id: `b${index}`, host: '10.0.0.1', port: 1_000 + index, ...each(index) })
  return { lb, clock }
}

/** How often each backend was chosen, by id. */
export function tally(ids: Iterable<string | undefined>): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const id of ids) counts[id ?? 'none'] = (counts[id ?? 'none'] ?? 0) + 1
  return counts
}

/** The largest count over the mean, over `count` backends. */
export function spread(counts: Readonly<Record<string, number>>, count: number): number {
  const values = Object.values(counts)
  const total = values.reduce((sum, value) => sum + value, 0)
  return Math.max(...values) / (total / count)
}
