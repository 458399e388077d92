/** One point in time, in monotonic milliseconds. It stands in a field: a fraction that a function returns is made an object, and a pick must allocate nothing. */
export interface Moment {
  readonly time: number
  /** Reads the clock, unless `time` holds already. */
  readTime(): void
}
