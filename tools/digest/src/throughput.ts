/** Rates over the last few seconds. */
export interface Throughput {
  /** Takes a sample; the rates are per second, since the oldest sample that is kept. */
  sample(at: number, counts: { readonly files: number; readonly bytes: number }): Rates
}

export interface Rates {
  readonly files: number
  readonly bytes: number
}

interface Sample extends Rates {
  readonly at: number
}

/** How far back the rates look. */
const windowMs = 3_000

export function throughput(startedAt: number): Throughput {
  const samples: Sample[] = [{ at: startedAt, files: 0, bytes: 0 }]
  return {
    sample(at, counts) {
      samples.push({ at, ...counts })
      while (samples.length > 2 && at - (samples[1]?.at ?? at) >= windowMs) samples.shift()
      const first = samples[0] ?? { at, ...counts }
      const seconds = (at - first.at) / 1_000
      if (seconds <= 0) return { files: 0, bytes: 0 }
      return {
        files: Math.max(0, counts.files - first.files) / seconds,
        bytes: Math.max(0, counts.bytes - first.bytes) / seconds,
      }
    },
  }
}
