/** What the queue modes read of the options of `redis`. */
export interface QueueSettings {
  readonly prefix: string
  readonly consumerName: string | undefined
  readonly connectTimeoutMs: number
  readonly maxPending: number
  readonly maxPayloadBytes: number
  readonly maxQueued: number
  readonly maxDeadLetters: number
  readonly resultTtlMs: number
  readonly groupTtlMs: number
}

interface Limits {
  /** Tasks or words of workers in one call: Redis does nothing else meanwhile. */
  readonly batchCount: number
  /** Bytes of one call, if it is more than one task. */
  readonly batchBytes: number
  /** Callers that may follow one task. */
  readonly callers: number
  /** A consumer asks for work at least this often, bells or not. */
  readonly pollMs: number
  /** A consumer that gave no sign of life for so long counts for nothing. */
  readonly staleMs: number
  /** How long a caller hears nothing of a task before it asks; then twice as long each time, up to `checkMaxMs`. */
  readonly checkMs: number
  readonly checkMaxMs: number
  /** How long `close` waits for what was said to be confirmed. */
  readonly closeMs: number
}

/** What is not worth an option. */
export const limits: Limits = {
  batchCount: 256,
  batchBytes: 4 * 1024 * 1024,
  callers: 1_000,
  pollMs: 2_000,
  staleMs: 10_000,
  checkMs: 5_000,
  checkMaxMs: 60_000,
  closeMs: 1_000,
}
