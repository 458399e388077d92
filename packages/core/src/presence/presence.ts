import type { WaitOptions } from '../transport.ts'

/** How busy one worker is with one of its tasks. */
export interface TaskPresence {
  readonly job: string
  readonly task: string
  /** `+` where it takes any. */
  readonly context: string
  readonly active: number
  readonly concurrency: number
}

/** A worker as others see it. */
export interface WorkerPresence {
  readonly name: string
  /** The application that it belongs to, and its machine. */
  readonly client: string
  readonly host: string
  readonly channel: string
  readonly workgroup: string
  /** Tasks in its hands, of all kinds, and how many it takes at a time. */
  readonly active: number
  readonly concurrency: number
  readonly tasks: readonly TaskPresence[]
  /** Epoch milliseconds of this machine's clock. */
  readonly lastSeen: number
}

export interface PresenceChange {
  /** `online`: new, or its load changed; `offline`: it said goodbye; `lost`: it was silent for three of its periods. */
  readonly kind: 'online' | 'offline' | 'lost'
  readonly worker: WorkerPresence
}

/** Who is online: kept up to date from the workers' own signs of life until closed. */
export interface Presence {
  /** The workers known now, by name. */
  workers(): readonly WorkerPresence[]
  /** Changes from now on; a slow reader loses the oldest beyond 1_000. Ends when closed. */
  changes(options?: WaitOptions): AsyncIterable<PresenceChange>
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

export interface PresenceOptions {
  /** @default every channel of the application */
  readonly channel?: string
  /** Workers remembered; those beyond it are not shown. @default 10_000 */
  readonly maxWorkers?: number
}
