import { checkCount, checkFields } from '../check-options.ts'
import { invalidOption } from '../errors.ts'

/** Between which bounds adaptive concurrency looks for its limit, in requests at a time. */
export interface ConcurrencyOptions {
  /** Requests at a time, at all backends together. @default 20 */
  readonly min?: number
  /** @default 200, or `min` where that is higher */
  readonly max?: number
  /** What is usual is learnt from here: begin where the backends surely are not overloaded. @default `min` */
  readonly initial?: number
}

export function checkConcurrency(
  options: ConcurrencyOptions,
  path = 'concurrency',
): Required<ConcurrencyOptions> {
  checkFields(options, path, ['min', 'max', 'initial'])
  const min = checkCount(options.min ?? 20, `${path}.min`)
  const max = checkCount(options.max ?? Math.max(200, min), `${path}.max`)
  const initial = checkCount(options.initial ?? min, `${path}.initial`)
  if (min > max || initial < min || initial > max)
    throw invalidOption(`${path} must have min ≤ initial ≤ max, not ${min}, ${initial}, ${max}`)
  return { min, max, initial }
}

/** Samples between two adjustments. */
const windowSize = 20
/** The usual latency is the plain mean at first: those that end first are the quickest, and must not stand for all. */
const learningWindows = 5
/** How slowly it follows down afterwards: over some 6,000 samples, or chance alone would take it far below the mean. */
const fallShare = windowSize / 6_000
/** And up: over some 60,000. What grows with the limit must not soon count as usual, or the limit would excuse its own growth and end at its maximum. */
const riseShare = windowSize / 60_000

/**
 * How many requests at a time are good for the backends, found by their latency (Netflix's Gradient2): while the recent latency stays below 1.5 times the
 * usual one the limit grows by the room for a queue of four, and shrinks as it rises above.
 */
export class GradientLimit {
  current: number
  private exact: number
  private longMs = 0
  private sumMs = 0
  private samples = 0
  private busiest = 0
  private windows = 0
  private readonly options: Required<ConcurrencyOptions>

  constructor(options: Required<ConcurrencyOptions>) {
    this.options = options
    this.current = options.initial
    this.exact = options.initial
  }

  /** `active`: requests under way when this one ended. */
  sample(latencyMs: number, active: number): void {
    this.sumMs += latencyMs
    this.samples++
    if (active > this.busiest) this.busiest = active
    if (this.samples < windowSize) return
    const shortMs = this.sumMs / this.samples
    const isUsed = this.busiest * 2 >= this.current
    this.sumMs = 0
    this.samples = 0
    this.busiest = 0
    const isLearning = ++this.windows <= learningWindows
    const share = isLearning ? 1 / this.windows : shortMs > this.longMs ? riseShare : fallShare
    this.longMs += (shortMs - this.longMs) * share
    // After a long slow time the usual latency would excuse anything: it comes down faster than it went up.
    if (this.longMs > shortMs * 2) this.longMs *= 0.95
    // A limit that is not used up says nothing about how high it may be.
    if (!isUsed || shortMs <= 0) return
    this.adjust(Math.max(0.5, Math.min(1, (1.5 * this.longMs) / shortMs)))
  }

  /** A failure that took longer than usual, such as a timeout, says as much as a slow success; a quick one says nothing. */
  sampleFailure(latencyMs: number, active: number): void {
    if (this.longMs > 0 && latencyMs > this.longMs) this.sample(latencyMs, active)
  }

  private adjust(gradient: number): void {
    const { min, max } = this.options
    this.exact = Math.min(max, Math.max(min, 0.8 * this.exact + 0.2 * (this.exact * gradient + 4)))
    this.current = Math.floor(this.exact)
  }
}
