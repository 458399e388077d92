import type { Client } from '../client/client.ts'
import type { Clock } from '../clock.ts'
import type { Plan } from '../app/plan.ts'
import type { Wheel } from '../app/wheel.ts'
import type { Middleware } from '../middleware/middleware.ts'
import type { CompleteEvent, Logger } from '../transport.ts'
import type { FinishedTasks } from './finished-tasks.ts'
import type { TaskHandler, WorkerStats } from './worker.ts'
import type { TaskDefinition } from '../define/task-definition.ts'
import type { Work } from './work.ts'

/** One handled task of a worker: what is the same for all its deliveries. */
export interface Registration {
  readonly plan: Plan
  readonly handler: TaskHandler<TaskDefinition>
  readonly concurrency: number
  readonly leaseMs: number
  /** 0: as long as the deadline. */
  readonly attemptTimeoutMs: number
  readonly context: string
  /** Tasks of this kind in hand. */
  active: number
}

/** What a piece of work needs of its worker. */
export interface WorkHost {
  /** Name of the application, as events carry it. */
  readonly client: string
  readonly host: string
  readonly workgroup: string
  readonly channel: string
  readonly clock: Clock
  readonly logger: Logger
  readonly random: () => number
  readonly performer: Client
  readonly middleware: readonly Middleware[]
  readonly wheel: Wheel<Work>
  readonly finished: FinishedTasks
  /** Whether every completion is kept for duplicates, or only those that did not get through. */
  readonly keepsCompletions: boolean
  /** Whether a task that failed for good may be kept; where it may not, it fails all the same. */
  readonly keepsDeadLetters: boolean
  readonly maxPayloadBytes: number
  readonly announce: boolean
  readonly draining: AbortSignal
  readonly counts: { -readonly [K in keyof WorkerStats]: WorkerStats[K] }
  /** The handler has ended and its delivery is settled. */
  workEnded(work: Work): void
}

export type Completion = Pick<CompleteEvent, 'status'> &
  Partial<Pick<CompleteEvent, 'body' | 'codec' | 'error'>>
