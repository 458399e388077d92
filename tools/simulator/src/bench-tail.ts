import { quantile } from './statistics.ts'
import { simulateTail, tailWorlds } from './tails.ts'

export interface TailBar {
  readonly peer: 'p2c' | 'round-robin'
  /** Its p99.9, in milliseconds. */
  readonly p999Ms: number
  /** That of peak EWMA relative to it. */
  readonly ratio: number
  /** The highest ratio that will do. */
  readonly bar: number
  readonly isMet: boolean
}

export interface TailBench {
  readonly scenario: 'lb-tail'
  readonly seed: number
  /** p99.9 of peak EWMA, in milliseconds. */
  readonly p999Ms: number
  readonly bars: readonly TailBar[]
}

const bars = [
  ['p2c', 0.8],
  ['round-robin', 0.1],
] as const

/** The p99.9 of peak EWMA with one slow backend against its bars; simulated, and so the same on every machine. */
export function benchTail(options: { readonly seed?: number; readonly seconds?: number } = {}): TailBench {
  const { seed = 1, seconds = 60 } = options
  const tail = (algorithm: 'peak-ewma' | TailBar['peer']): number =>
    quantile(simulateTail(tailWorlds['one-slow'], { algorithm, seed, seconds }), 0.999)
  const ours = tail('peak-ewma')
  return {
    scenario: 'lb-tail',
    seed,
    p999Ms: ours,
    bars: bars.map(([peer, bar]) => {
      const p999Ms = tail(peer)
      return { peer, p999Ms, ratio: ours / p999Ms, bar, isMet: ours / p999Ms <= bar }
    }),
  }
}
