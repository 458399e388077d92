import type { TaskSpec } from '../contract.ts'
import type { Finished } from './finished.ts'
import type { HashNode } from '../hash-table.ts'
import type { LeaseRecord } from './lease-record.ts'
import type { Queue } from './queue.ts'
import type { Known, Route } from './route.ts'
import { TimerNode } from '../timing-wheel.ts'

const nobody: readonly unknown[] = []

/** A task, held once however many workgroups have a copy; also the timer of its deadline. */
export class Task extends TimerNode implements HashNode<Known> {
  readonly kind = 'task'
  readonly tid: string
  readonly hash: number
  readonly route: Route
  /** Whose completion answers the watchers. */
  readonly workgroup: string
  readonly body: unknown
  readonly bytes: number
  readonly priority: number
  readonly attempts: number
  readonly ttlMs: number
  /** Engine clock; 0: none. */
  readonly deadlineAt: number
  watchers: readonly unknown[] = nobody
  /** The copies, one a workgroup, linked by `sibling`. */
  entries: Entry | undefined = undefined
  /** Copies that are not over. */
  open = 0
  /** How it ended in the named workgroup. */
  finished: Finished | undefined = undefined
  chained: Known | undefined = undefined

  constructor(route: Route, spec: TaskSpec<unknown>, hash: number, now: number) {
    super()
    this.tid = spec.tid
    this.hash = hash
    this.route = route
    this.workgroup = spec.workgroup
    this.body = spec.body
    this.bytes = spec.bytes
    this.priority = spec.priority >= 9 ? 9 : spec.priority > 0 ? Math.floor(spec.priority) : 0
    this.attempts = spec.attempts
    this.ttlMs = spec.ttlMs
    this.deadlineAt = spec.deadlineMs > 0 ? now + spec.deadlineMs : 0
  }

  /** False when the limit is reached. The same watcher twice is one watcher. */
  watch(watcher: unknown, limit: number): boolean {
    const watchers = this.watchers
    if (watchers.length === 0) {
      this.watchers = [watcher]
      return true
    }
    if (watchers.includes(watcher)) return true
    if (watchers.length >= limit) return false
    this.watchers = [...watchers, watcher]
    return true
  }

  unwatch(watcher: unknown): void {
    if (this.watchers.includes(watcher)) this.watchers = this.watchers.filter((other) => other !== watcher)
  }

  /** The watchers, who are told nothing more. */
  takeWatchers(): readonly unknown[] {
    const watchers = this.watchers
    this.watchers = nobody
    return watchers
  }
}

export type EntryState = 'queued' | 'delayed' | 'leased' | 'done'

/** The copy of a task that one workgroup works on; also the timer of its delay, or of its time to live while it waits. */
export class Entry extends TimerNode {
  readonly kind = 'entry'
  readonly task: Task
  readonly queue: Queue
  state: EntryState = 'queued'
  /** Deliveries so far: the fence. */
  attempt = 0
  /** Deliveries that count against `attempts`. */
  failures = 0
  /** What the last failed attempt said. */
  error: unknown = undefined
  lease: LeaseRecord | undefined = undefined
  prev: Entry | undefined = undefined
  next: Entry | undefined = undefined
  sibling: Entry | undefined = undefined

  constructor(task: Task, queue: Queue) {
    super()
    this.task = task
    this.queue = queue
    this.sibling = task.entries
    task.entries = this
    task.open++
    queue.open++
  }

  /** Whether its completion answers the watchers. */
  get isNamed(): boolean {
    return this.queue.workgroup === this.task.workgroup
  }
}
