import { AetherError } from '../errors.ts'
import { TidTable } from '../table/tid-table.ts'
import type { CompleteEvent, StatusEvent, TaskMessage } from '../transport.ts'
import { BoundedMap } from './bounded-map.ts'
import { say, type LeaseContext } from './lease-context.ts'
import {
  newOpenTask,
  taskKey,
  type Acceptance,
  type Hold,
  type LeaseDeadLetter,
  type OpenTask,
  type Result,
} from './open-task.ts'

/** The tasks that this instance sent: those that are open, how the last ones ended, who follows them from elsewhere, and the dead letters. */
export class TaskBook {
  readonly #context: LeaseContext
  readonly #open = new TidTable<OpenTask>()
  readonly #results: BoundedMap<Result>
  readonly #deadLetters: LeaseDeadLetter[] = []
  /** Tasks whose named workgroup is not done; `#open` also holds those that only observers still work on. */
  #live = 0

  constructor(context: LeaseContext) {
    const { clock, maxResults: max, resultTtlMs: ttlMs } = context.settings
    this.#context = context
    this.#results = new BoundedMap({ clock, max, ttlMs })
  }

  get deadLetters(): readonly LeaseDeadLetter[] {
    return this.#deadLetters
  }

  get size(): number {
    return this.#open.size
  }

  /** Throws `ERR_AETHER_QUEUE_FULL`. */
  add(key: string, task: TaskMessage): OpenTask {
    const { maxOpen } = this.#context.settings
    if (this.#live >= maxOpen) {
      const message = `${maxOpen} tasks are open: wait for some to end`
      throw new AetherError('ERR_AETHER_QUEUE_FULL', message, { retryable: true })
    }
    const open = newOpenTask(key, task)
    this.#open.add(open)
    this.#live += 1
    return open
  }

  get(key: string): OpenTask | undefined {
    return this.#open.get(key)
  }

  /** How a task ended, while that is remembered. */
  resultOf(key: string): Result | undefined {
    return this.#results.get(key)
  }

  entries(): readonly OpenTask[] {
    return this.#open.entries()
  }

  /** Whether the task is known: its remaining events, or its stored completion, reach this instance. */
  joins(key: string): boolean {
    const result = this.#results.get(key)
    if (!result) return this.#open.get(key) !== undefined
    // Not within the call: whoever called must first learn that it was accepted.
    this.#context.timers.set(0, () => this.#context.host.onEvent(result.complete))
    return true
  }

  isCancelled(key: string): boolean {
    if (this.#open.get(key)?.cancelReason !== undefined) return true
    return this.#results.get(key)?.complete.status === 'cancelled'
  }

  /** Cancelled or expired: then observers stop too. */
  isStopped({ key }: OpenTask): boolean {
    const status = this.#results.get(key)?.complete.status
    return status === 'cancelled' || status === 'expired'
  }

  /** Lets another instance follow a task; undefined when it is not ours. */
  watch(
    union: string,
    tid: string,
    inbox: string,
  ): { readonly complete?: CompleteEvent; readonly remainingMs: number } | undefined {
    const key = taskKey(union, tid)
    const result = this.#results.get(key)
    if (result) return { complete: result.complete, remainingMs: 0 }
    const open = this.#open.get(key)
    if (!open) return undefined
    const { clock, maxWatchers } = this.#context.settings
    const watchers = (open.watchers ??= new Set())
    if (!watchers.has(inbox) && watchers.size >= maxWatchers) return undefined
    watchers.add(inbox)
    return { remainingMs: Math.max(0, open.task.deadline - clock.now()) }
  }

  /** News of a task, for this instance and those that follow it. */
  tell(open: OpenTask, event: CompleteEvent | StatusEvent): void {
    this.#context.host.onEvent(event)
    if (!open.watchers) return
    const { route, tid, workgroup, attempt } = event
    const kind = event.action === 'complete' ? 'settled' : 'attached'
    for (const inbox of open.watchers)
      say(this.#context, inbox, { kind, route, tid, workgroup, attempt, event })
  }

  /** Its named workgroup is done with it. */
  end(open: OpenTask, complete: CompleteEvent, accepted: Acceptance | undefined): void {
    this.#live -= 1
    open.ttlTimer?.cancel()
    this.#results.set(open.key, { complete, accepted })
    this.tell(open, complete)
  }

  /** Observers may be late with their first word, so the task stays for a moment. */
  forgetWhenDone(open: OpenTask, lingerMs: number): void {
    if (!isDone(open)) return
    const { relay, settings, timers } = this.#context
    open.lingerTimer?.cancel()
    const mayLinger = relay.capabilities.groups && this.#open.size - this.#live <= settings.maxResults
    if (!mayLinger || this.isStopped(open)) return this.#forget(open)
    open.lingerTimer = timers.set(lingerMs, () => {
      if (isDone(open)) this.#forget(open)
    })
  }

  /** It was never accepted. */
  drop(open: OpenTask): void {
    this.#live -= 1
    this.#forget(open)
  }

  bury(hold: Hold, reason: LeaseDeadLetter['reason'], error: LeaseDeadLetter['error']): void {
    const { maxDeadLetters, clock } = this.#context.settings
    const { task } = hold.open
    const { workgroup, attempt: attempts } = hold
    this.#deadLetters.push({ task, workgroup, attempts, reason, error, at: clock.now() })
    if (this.#deadLetters.length > maxDeadLetters) this.#deadLetters.shift()
    const fields = { tid: task.tid, workgroup, reason }
    this.#context.host.logger.warn('a task became a dead letter', fields)
  }

  clear(): void {
    this.#open.clear()
    this.#results.clear()
    this.#live = 0
  }

  #forget(open: OpenTask): void {
    open.deadlineTimer?.cancel()
    open.ttlTimer?.cancel()
    open.lingerTimer?.cancel()
    for (const hold of open.holds) {
      hold.timer?.cancel()
      hold.status = 'ended'
    }
    this.#open.delete(open)
  }
}

function isDone({ holds }: OpenTask): boolean {
  for (const hold of holds) if (hold.status !== 'ended') return false
  return true
}
