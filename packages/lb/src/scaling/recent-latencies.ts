import type { Endpoint } from '../backends/endpoint.ts'
import { Histogram } from '../latency/histogram.ts'

/** Latencies since the last look: those since the start would remember a bad hour for ever. */
export class RecentLatencies {
  private readonly seen = new WeakMap<Endpoint, Histogram>()

  read(endpoints: readonly Endpoint[]): Histogram {
    const recent = new Histogram()
    for (const endpoint of endpoints) {
      const { latencies } = endpoint
      if (latencies === undefined) continue
      recent.addSince(latencies, this.seen.get(endpoint) ?? new Histogram())
      const now = new Histogram()
      now.add(latencies)
      this.seen.set(endpoint, now)
    }
    return recent
  }
}
