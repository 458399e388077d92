import type { ErrorShape } from '../errors.ts'

/**
 * The fields of a message beside its body. The first five are AetherMagic's and always written; the rest is ours, optional, and ignored by a Python peer.
 * `docs/envelope.md` lists them.
 */
export interface EnvelopeFields {
  readonly action: string
  readonly status: string
  /** 0 to 100. */
  readonly progress: number
  readonly host: string
  readonly client: string
  readonly attempt?: number
  readonly attempts?: number
  readonly codec?: string
  readonly deadLetter?: boolean
  /** Epoch milliseconds. */
  readonly deadline?: number
  readonly delayMs?: number
  readonly error?: ErrorShape
  readonly failed?: boolean
  readonly headers?: Readonly<Record<string, string>>
  readonly leaseMs?: number
  readonly only?: string
  /** `cancelled` or `expired`, which AetherMagic's `status` has no words for. */
  readonly outcome?: string
  readonly priority?: number
  readonly reason?: string
  readonly replyTo?: string
  /** `union/job/task/context` and `tid`: for messages whose address does not tell. */
  readonly route?: string
  /** Absent for the first offer of a task. */
  readonly sends?: number
  readonly seq?: number
  readonly signal?: string
  readonly tid?: string
  readonly ttlMs?: number
  readonly waitForWorkers?: boolean
  readonly workgroup?: string
}

/** A message taken apart: its fields and the bytes of its body. */
export interface Parcel {
  readonly fields: EnvelopeFields
  readonly body: Uint8Array
}

/** For objects that are filled in field by field before anyone sees them. */
export type Writable<T> = { -readonly [K in keyof T]: T[K] }
