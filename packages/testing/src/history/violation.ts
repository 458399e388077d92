/** The promises of the project, by their number in its design. */
export type PromiseNumber = 1 | 2 | 3 | 4 | 5 | 6 | 7

/** One way in which a history breaks a promise. */
export interface Violation {
  readonly promise: PromiseNumber
  /** Stable name of the rule: what tests match. */
  readonly rule: string
  /** What broke it: tids, workers, times. */
  readonly message: string
}
