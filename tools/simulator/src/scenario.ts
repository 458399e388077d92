/** What one variant of a scenario gave under one seed. */
export interface Measured {
  /** By name, with its unit. */
  readonly figures: Readonly<Record<string, number>>
  /** For the plot. */
  readonly line: readonly (readonly [x: number, y: number])[]
}

/** `nines`: a quantile as the number of its nines, from the median's 0.3 to 4 for p99.99. */
export type AxisKind = 'nines' | 'linear' | 'logarithmic'

export interface Axis {
  readonly name: string
  readonly kind: AxisKind
}

/** One world in which variants of the balancer are compared; the same seed makes the same arrivals and service times for each of them. */
export interface Scenario {
  readonly name: string
  readonly title: string
  /** What it shows; held by a test. */
  readonly claim: string
  readonly variants: readonly string[]
  readonly x: Axis
  readonly y: Axis
  run(variant: string, seed: number): Promise<Measured>
}
