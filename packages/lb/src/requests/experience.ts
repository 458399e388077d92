import type { Endpoint } from '../backends/endpoint.ts'
import type { OutlierDetector } from '../health/outlier-detector.ts'
import { Histogram } from '../latency/histogram.ts'
import type { CheckedOptions } from '../options.ts'
import { GradientLimit } from './gradient-limit.ts'

/** Latencies that a quantile needs to mean something. */
const enoughLatencies = 100
/** Most that are remembered before older ones fade. */
const manyLatencies = 10_000

/** What is learnt from how attempts end: of their backends, of latencies in general, and of how many at a time are good. */
export class Experience {
  readonly limit: GradientLimit | undefined
  /** For hedging alone. */
  private readonly latencies = new Histogram()
  /** As of some time ago: a fiftieth more latencies hardly change it. */
  private quantileMs = 0
  /** Latencies since then. */
  private unseen = 0
  private readonly options: CheckedOptions
  private readonly outliers: OutlierDetector | undefined

  constructor(options: CheckedOptions, outliers: OutlierDetector | undefined) {
    this.options = options
    this.outliers = outliers
    this.limit = options.concurrency && new GradientLimit(options.concurrency)
  }

  /** `active`: requests under way when this one ended, itself among them. */
  succeeded(endpoint: Endpoint, latencyMs: number, now: number, active: number): void {
    endpoint.succeeded++
    endpoint.latency.observe(latencyMs, now)
    if (this.options.metrics) endpoint.histogram.record(latencyMs)
    if (this.options.hedge !== undefined) this.remember(latencyMs)
    this.limit?.sample(latencyMs, active)
    this.outliers?.record(endpoint, true)
  }

  failed(endpoint: Endpoint, latencyMs: number, now: number, active: number): void {
    endpoint.failed++
    // A backend that fails at once would look fast, and draw everyone.
    endpoint.latency.observe(Math.max(latencyMs, this.options.failurePenaltyMs), now)
    this.limit?.sampleFailure(latencyMs, active)
    this.outliers?.record(endpoint, false)
  }

  cancelled(endpoint: Endpoint, latencyMs: number, now: number): void {
    endpoint.cancelled++
    // It took this long at least.
    if (latencyMs > endpoint.latency.read(now)) endpoint.latency.observe(latencyMs, now)
  }

  /** How long to wait for an attempt before another is made beside it. */
  hedgeDelayMs(): number {
    const { hedge } = this.options
    if (hedge === undefined) return Infinity
    if (this.latencies.count < enoughLatencies) return hedge.initialMs
    if (this.unseen * 50 >= this.latencies.count) {
      this.unseen = 0
      this.quantileMs = this.latencies.quantile(hedge.quantile)
    }
    return Math.max(hedge.minMs, this.quantileMs)
  }

  private remember(latencyMs: number): void {
    this.unseen++
    this.latencies.record(latencyMs)
    if (this.latencies.count >= manyLatencies) this.latencies.fade()
  }
}
