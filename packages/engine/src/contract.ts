/**
 * The vocabulary of the engine. `B` is the body of a task and `R` that of a completion: opaque to the engine. `W` is what the shell around the engine
 * (memory transport, TCP broker, ZeroMQ router) uses to find a waiting caller again; `O` what it uses to find the owner of a consumer.
 */

export interface EngineLimits {
  /** Waiting tasks per queue (route and workgroup), delayed ones included; what returns is never refused. @default 100_000 */
  readonly maxQueued: number
  /** Bytes of all bodies held; dead letters give way to new tasks, oldest first. @default 1 GiB */
  readonly maxBytes: number
  /** Distinct routes known at a time; a new one takes the place of the one that has been without tasks for longest. @default 10_000 */
  readonly maxRoutes: number
  /** Finished tasks remembered for deduplication and `attach`. @default 100_000 */
  readonly maxResults: number
  /** Bytes of all remembered results, as `resultBytes` counts them; the oldest go first. @default 256 MiB */
  readonly maxResultBytes: number
  /** How long a finished task is remembered; longer while another workgroup still works on it. @default 300_000 */
  readonly resultTtlMs: number
  /** Dead letters kept; the oldest go first and are counted. @default 10_000 */
  readonly maxDeadLetters: number
  /** Callers attached to one task. @default 1_000 */
  readonly maxWatchers: number
  /** How long a workgroup without a consumer still counts as subscribed. @default 60_000 */
  readonly groupTtlMs: number
}

export interface EngineClock {
  /** Monotonic milliseconds. */
  now(): number
}

export type DispatchPolicy = 'most-credit' | 'round-robin' | 'random'

export interface EngineOptions {
  readonly clock: EngineClock
  /** 0 ≤ x < 1, for `random` dispatch. */
  readonly random: () => number
  readonly dispatch?: DispatchPolicy
  readonly limits?: Partial<EngineLimits>
  /** Size of what a worker ended its task with, for `maxResultBytes`. @default () => 0 */
  readonly resultBytes?: (result: unknown) => number
}

/** What a shell asks the engine to hold. Times are relative milliseconds, so that no two clocks have to agree. */
export interface TaskSpec<B> {
  readonly tid: string
  /** Whose completion answers the watchers. */
  readonly workgroup: string
  readonly body: B
  /** Size of `body`, for the byte budget. */
  readonly bytes: number
  /** 0 (last) to 9 (first). */
  readonly priority: number
  readonly delayMs: number
  /** How long it may wait for its first delivery, once its delay is over; 0: as long as its deadline. */
  readonly ttlMs: number
  /** 0: none. */
  readonly deadlineMs: number
  readonly attempts: number
  /** Accept although the workgroup has no consumer and had none within `groupTtlMs`. */
  readonly waitForWorkers: boolean
}

export type SendResult =
  | 'accepted'
  | 'deduplicated'
  | 'workers-none'
  | 'queue-full'
  | 'bytes-full'
  | 'routes-full'
  | 'watchers-full'

export type SettleResult = 'ok' | 'lease-lost'

export type Outcome = 'succeed' | 'failed' | 'cancelled' | 'expired'

/** Why a task ended without a worker's word. */
export type EngineReason = 'cancelled' | 'queue-ttl' | 'deadline' | 'attempts-exhausted'

/** How a task ended in the workgroup its caller named. */
export interface Settlement<R> {
  readonly tid: string
  readonly route: string
  readonly workgroup: string
  readonly outcome: Outcome
  /** The attempt that ended it; 0 when no worker ever had it. */
  readonly attempt: number
  /** The worker's own completion; absent where the engine ended the task. */
  readonly result: R | undefined
  /** Present where the engine ended the task. */
  readonly reason: EngineReason | undefined
  /** What the last failed attempt said, where the engine ended the task for it. */
  readonly lastError: unknown
  /** What `cancel` said. */
  readonly cancelReason: string | undefined
}

export type RevokeReason = 'lease-lost' | 'cancelled' | 'deadline'

/** A task in one consumer's hands. Read-only for shells; settle it through the engine. */
export interface Lease<B, O> {
  /** Never reused: a settled, expired or revoked lease is simply unknown from then on. */
  readonly id: number
  readonly tid: string
  readonly route: string
  readonly workgroup: string
  readonly attempt: number
  readonly body: B
  readonly owner: O
  readonly consumer: number
  /** Milliseconds until the task's deadline; 0: none. */
  readonly remainingMs: number
}

export interface DeadLetter<B> {
  readonly tid: string
  readonly route: string
  readonly workgroup: string
  readonly body: B
  readonly attempts: number
  readonly reason: 'attempts-exhausted' | 'rejected'
  readonly error: unknown
  /** Engine clock. */
  readonly at: number
}

/** Where the effects of a command go, synchronously, while the command runs. An effect must neither call back into the engine nor throw. */
export interface Effects<B, R, W, O> {
  deliver(lease: Lease<B, O>): void
  /** The lease ended without its consumer's word: stop working on it. `cancelReason` is what `cancel` said. */
  revoke(lease: Lease<B, O>, reason: RevokeReason, cancelReason: string | undefined): void
  /** One call for each watcher of a task that ended in its named workgroup. */
  settled(watcher: W, settlement: Settlement<R>): void
  /** The task ended in a workgroup, named or observing: for those who listen to events. */
  completed(route: string, workgroup: string, settlement: Settlement<R>): void
  deadLettered(letter: DeadLetter<B>): void
}

export interface ConsumerSpec<O> {
  /** `union/job/task/context`, any level of which may be `+`, the last also `#`. */
  readonly filter: string
  readonly workgroup: string
  readonly credit: number
  readonly leaseMs: number
  readonly owner: O
  /** Consumers with the same pool (unique within one owner) share its credit too. */
  readonly pool?: { readonly id: string; readonly credit: number }
}

export interface EngineStats {
  readonly routes: number
  readonly queues: number
  readonly queued: number
  readonly delayed: number
  readonly leased: number
  readonly consumers: number
  readonly results: number
  readonly deadLetters: number
  readonly bytes: number
  /** The ledger: `accepted = succeeded + failed + cancelled + expired + open`, counted for the named workgroup. */
  readonly accepted: number
  readonly succeeded: number
  readonly failed: number
  readonly cancelled: number
  readonly expired: number
  readonly open: number
  readonly deduplicated: number
  readonly refused: number
  readonly redelivered: number
  readonly leasesLost: number
  readonly deadLettersDropped: number
}

/**
 * Work queues as one deterministic state machine: commands in, effects to a sink; the same commands at the same times give the same effects.
 * A command costs O(1) amortised, or O(matching workgroups) where a task is copied to each. It performs no I/O and sets no timer: the shell calls
 * `tick` at `nextTickAt` or later.
 */
export interface Engine<B, R, W, O> {
  /** Holds a task for each subscribed workgroup; `watcher`, if any, learns the settlement. A known tid attaches the watcher instead (at once settled, if over). */
  send(route: string, task: TaskSpec<B>, watcher: W | undefined): SendResult
  /** False when the tid is unknown, or has all the watchers it may have; otherwise the watcher learns the settlement, at once if it is over and remembered. */
  attach(route: string, tid: string, watcher: W): boolean
  /** The watcher left. */
  detach(route: string, tid: string, watcher: W): void
  /** Ends the task as cancelled in every workgroup where it is still open. False when there is nothing to cancel. */
  cancel(route: string, tid: string, reason: string): boolean
  /** Returns the id of the new consumer. */
  consume(spec: ConsumerSpec<O>): number
  /** Stops new deliveries to a consumer; its leases stay valid. */
  closeConsumer(consumer: number): void
  /**
   * The owner is gone: its consumers close and its leases return at once, to be delivered elsewhere. Like a lease that runs out, each counts as a failed
   * attempt, so that a task which kills its workers ends as a dead letter. No `revoke`: there is nobody to tell.
   */
  disconnect(owner: O): void
  /**
   * The owner is there: something else came from it. A consumer that let a lease run out gets nothing until its owner is heard from, here or by a `renew`,
   * `ack` or `release`, so that one which is frozen costs each of its tasks one attempt and no more. A shell asks the owner when it is told to `revoke`.
   */
  heard(owner: O): void
  /** Watchers of an open task held under this lease: where progress goes. Undefined when the lease is unknown or its workgroup only observes. */
  watchers(lease: number, owner: O): Iterable<W> | undefined
  lease(id: number): Lease<B, O> | undefined
  renew(lease: number, owner: O): SettleResult
  ack(
    lease: number,
    owner: O,
    outcome: Outcome,
    result: R,
    options?: { readonly deadLetter?: boolean; readonly error?: unknown },
  ): SettleResult
  /** Returns a task; `failed` counts against its attempts, and past the last it is dead-lettered and settled as failed. */
  release(
    lease: number,
    owner: O,
    options: { readonly delayMs: number; readonly failed: boolean; readonly error?: unknown },
  ): SettleResult
  /** Ends what is due, never early and, called in time, at most 8 ms late: leases, delays, time to live, deadlines, remembered results, groups. */
  tick(): void
  /** Engine-clock time from which `tick` has something to do (perhaps only to file a far timer more finely); Infinity when there is nothing. */
  nextTickAt(): number
  deadLetters(): Iterable<DeadLetter<B>>
  /** Takes a dead letter out, to send it again or drop it. */
  takeDeadLetter(route: string, workgroup: string, tid: string): DeadLetter<B> | undefined
  stats(): EngineStats
}
