import type { Effects, EngineReason, Outcome, RevokeReason, Settlement } from '../contract.ts'
import { DeadLetters } from './dead-letters.ts'
import type { Dispatcher, Due } from '../dispatch/dispatcher.ts'
import type { Finished } from './finished.ts'
import type { LeaseRecord } from './lease-record.ts'
import type { ResolvedOptions } from '../options.ts'
import { Results } from './results.ts'
import type { RouteTable } from './route-table.ts'
import type { Tally } from '../tally.ts'
import type { Entry, Task } from './task.ts'
import type { TimingWheel } from '../timing-wheel.ts'

/** What an entry ends with. */
export interface Ending {
  readonly outcome: Outcome
  readonly result: unknown
  readonly reason: EngineReason | undefined
  readonly cancelReason: string | undefined
}

export const endedByTtl: Ending = {
  outcome: 'expired',
  result: undefined,
  reason: 'queue-ttl',
  cancelReason: undefined,
}
export const endedByDeadline: Ending = { ...endedByTtl, reason: 'deadline' }
const endedByAttempts: Ending = { ...endedByTtl, outcome: 'failed', reason: 'attempts-exhausted' }

/** How entries and tasks come to their end, once: settlements, the ledger, results, dead letters. */
export class Endings {
  readonly deadLetters: DeadLetters
  readonly results: Results
  readonly #resultBytes: (result: unknown) => number
  readonly #effects: Effects<unknown, unknown, unknown, unknown>
  readonly #wheel: TimingWheel<Due>
  readonly #tally: Tally
  readonly #routes: RouteTable
  readonly #dispatcher: Dispatcher

  constructor(
    options: ResolvedOptions,
    effects: Effects<unknown, unknown, unknown, unknown>,
    parts: { wheel: TimingWheel<Due>; tally: Tally; routes: RouteTable; dispatcher: Dispatcher },
  ) {
    const { limits } = options
    this.deadLetters = new DeadLetters(limits.maxDeadLetters)
    this.results = new Results(limits.maxResults, limits.maxResultBytes, limits.resultTtlMs)
    this.#resultBytes = options.resultBytes
    this.#effects = effects
    this.#wheel = parts.wheel
    this.#tally = parts.tally
    this.#routes = parts.routes
    this.#dispatcher = parts.dispatcher
  }

  /** Ends an entry that is out of its queue and holds no lease. */
  finish(entry: Entry, ending: Ending, now: number): void {
    const { task, queue } = entry
    entry.state = 'done'
    queue.open--
    task.open--
    const settlement: Settlement<unknown> = {
      tid: task.tid,
      route: task.route.name,
      workgroup: queue.workgroup,
      outcome: ending.outcome,
      attempt: entry.attempt,
      result: ending.result,
      reason: ending.reason,
      lastError: ending.reason === undefined ? undefined : entry.error,
      cancelReason: ending.cancelReason,
    }
    if (entry.isNamed) this.#settle(task, settlement, now)
    this.#effects.completed(task.route.name, queue.workgroup, settlement)
    if (task.open === 0) this.#release(task)
    if (queue.open === 0 && queue.links.length === 0) this.#routes.dropQueue(queue)
  }

  /** One delivery failed: again after a delay, or, past the last attempt, the end. */
  fail(entry: Entry, delayMs: number, now: number): void {
    entry.failures++
    if (entry.failures < entry.task.attempts) return this.again(entry, delayMs, now)
    this.bury(entry, 'attempts-exhausted', entry.error, now)
    this.finish(entry, endedByAttempts, now)
  }

  /** Makes an entry wait for a delivery, now or after a delay. */
  again(entry: Entry, delayMs: number, now: number): void {
    if (!(delayMs > 0)) return this.#dispatcher.offer(entry, now)
    entry.state = 'delayed'
    entry.queue.waiting++
    this.#tally.delayed++
    this.#wheel.schedule(entry, now + delayMs)
  }

  /** The delay of an entry is over, or it ends before. */
  undelay(entry: Entry): void {
    this.#wheel.cancel(entry)
    entry.queue.waiting--
    this.#tally.delayed--
  }

  bury(entry: Entry, reason: 'attempts-exhausted' | 'rejected', error: unknown, now: number): void {
    const { task, queue, attempt } = entry
    const { tid, body, route } = task
    const letter = {
      tid,
      route: route.name,
      workgroup: queue.workgroup,
      body,
      attempts: attempt,
      reason,
      error,
      at: now,
    }
    this.deadLetters.add(letter, task.bytes)
    this.#effects.deadLettered(letter)
  }

  /** Ends every open entry of a task, running or not, before any credit this frees is used. False when none was open. */
  finishAll(task: Task, ending: Ending, revoke: RevokeReason, now: number): boolean {
    if (task.open === 0) return false
    let freed: LeaseRecord[] | undefined
    for (let entry = task.entries; entry !== undefined; entry = entry.sibling) {
      if (entry.state === 'done') continue
      const { lease } = entry
      if (lease !== undefined) {
        this.#dispatcher.end(lease)
        this.#effects.revoke(lease, revoke, ending.cancelReason)
        ;(freed ??= []).push(lease)
      } else if (entry.state === 'delayed') this.undelay(entry)
      else this.#dispatcher.withdraw(entry)
      this.finish(entry, ending, now)
    }
    if (freed === undefined) return true
    for (const lease of freed) this.#dispatcher.restore(lease)
    for (const lease of freed) this.#dispatcher.resume(lease.holder, now)
    return true
  }

  /** Forgets results that are over the limit or past their time. */
  expireResults(now: number): void {
    for (let over = this.results.shift(now); over !== undefined; over = this.results.shift(now)) {
      over.isForgotten = true
      // While another workgroup still works on it, its tid stays taken: else two workers there could hold the same tid.
      if (over.task === undefined) this.#forget(over)
    }
  }

  #settle(task: Task, settlement: Settlement<unknown>, now: number): void {
    const tally = this.#tally
    if (settlement.outcome === 'succeed') tally.succeeded++
    else if (settlement.outcome === 'failed') tally.failed++
    else if (settlement.outcome === 'cancelled') tally.cancelled++
    else tally.expired++
    const watchers = task.takeWatchers()
    for (let i = 0; i < watchers.length; i++) this.#effects.settled(watchers[i], settlement)
    const kept = settlement.result ?? settlement.lastError
    const bytes = kept === undefined ? 0 : this.#resultBytes(kept)
    task.finished = this.results.add(task, settlement, bytes, now)
    // The limit only: what is past its time ends with a tick, like all else.
    this.expireResults(-Infinity)
  }

  /** No workgroup has it open any more: what is left of it is its result. */
  #release(task: Task): void {
    this.#wheel.cancel(task)
    this.#tally.bytes -= task.bytes
    this.#routes.rest(task.route)
    const { finished, route } = task
    route.union.tasks.remove(task)
    if (finished === undefined || finished.isForgotten) return this.#routes.settleUnion(route.union)
    finished.task = undefined
    route.union.tasks.add(finished)
  }

  #forget(finished: Finished): void {
    const { union } = finished
    union.tasks.remove(finished)
    this.#routes.settleUnion(union)
  }
}
