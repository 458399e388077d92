import { monotonicNow } from '../history/history.ts'
import type { RecordEntry } from '../history/history.ts'
import type { SeededRandom } from '../seeded-random.ts'
import type { Nemesis } from './nemesis.ts'

/** From and to, both included, in milliseconds. */
export type Range = readonly [number, number]

export interface ScheduleOptions {
  readonly nemeses: readonly Nemesis[]
  /** Decides who strikes, when and for how long: the same seed, the same schedule. */
  readonly random: SeededRandom
  /** Peace between two faults. */
  readonly gapMs: Range
  /** Peace before the first, which must come while there is work to disturb. @default gapMs */
  readonly firstMs?: Range
  /** How long a fault lasts. */
  readonly holdMs: Range
  /** Strikes at least so many times, however early `signal` aborts. @default 1 */
  readonly minStrikes?: number
  /** Ends the schedule: the fault in force is recovered from first. */
  readonly signal: AbortSignal
  readonly record: (entry: RecordEntry) => void
}

/** Strikes, waits, recovers, waits, again and again until `signal` aborts; resolves with the number of strikes, all recovered from. */
export async function runSchedule(options: ScheduleOptions): Promise<number> {
  const { nemeses, random, gapMs, holdMs, signal, record } = options
  let strikes = 0
  const isOver = (): boolean => signal.aborted && strikes >= (options.minStrikes ?? 1)
  while (!isOver()) {
    const peaceMs = strikes === 0 ? (options.firstMs ?? gapMs) : gapMs
    await rest(random.between(...peaceMs), isOver, signal)
    if (isOver()) break
    const nemesis = random.pick(nemeses)
    const held = random.between(...holdMs)
    const struck = await nemesis.strike(random)
    if (struck === undefined) continue
    const { target, recover } = struck
    record({ kind: 'fault', at: monotonicNow(), by: 'nemesis', fault: nemesis.name, target })
    strikes += 1
    try {
      // Even when everything else is over, a fault has its time: otherwise it would be none.
      await rest(held, () => false, undefined)
    } finally {
      await recover()
    }
  }
  return strikes
}

function rest(delayMs: number, isOver: () => boolean, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', onAbort)
      resolve()
    }
    const onAbort = (): void => {
      if (isOver()) end()
    }
    const timer = setTimeout(end, delayMs)
    signal?.addEventListener('abort', onAbort)
  })
}
