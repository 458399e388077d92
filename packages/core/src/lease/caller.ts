import { errorFromShape } from '../error-shape.ts'
import type { ErrorShape } from '../errors.ts'
import { matchesRoute } from '../topic/topic.ts'
import type { CompleteEvent, Receipt, Route, TaskMessage, WaitOptions } from '../transport.ts'
import { answer, refuse, revokeHolder } from './caller-answers.ts'
import {
  cancelledEnding,
  completionOf,
  deadlineEnding,
  exhaustedEnding,
  leaseLost,
  nobodyEnding,
  queueTtlEnding,
  revocation,
  type Ending,
} from './endings.ts'
import { announce, isCutOff, type LeaseContext } from './lease-context.ts'
import { foundNobody, Offering } from './offering.ts'
import {
  newHold,
  taskKey,
  type Acceptance,
  type Hold,
  type LeaseDeadLetter,
  type OpenTask,
} from './open-task.ts'
import type { Signal } from './relay.ts'
import { TaskBook } from './task-book.ts'

/**
 * The caller's side: it is the queue of its own tasks. It offers each until a worker answers, watches the worker's lease until the end, and alone decides how
 * a task ended; so exactly one completion counts, whatever is lost, repeated or late.
 */
export class Caller {
  readonly #context: LeaseContext
  readonly #book: TaskBook
  readonly #offering: Offering

  constructor(context: LeaseContext) {
    this.#context = context
    this.#book = new TaskBook(context)
    this.#offering = new Offering(context, (hold, ending) => {
      // What ends as the transport closes is nobody's concern any more.
      if (this.#book.get(hold.open.key) === hold.open)
        this.#settle(hold, completionOf(hold, ending, context.host), undefined)
    })
  }

  get deadLetters(): readonly LeaseDeadLetter[] {
    return this.#book.deadLetters
  }

  get size(): number {
    return this.#book.size
  }

  async send(task: TaskMessage, options: WaitOptions): Promise<Receipt> {
    options.signal?.throwIfAborted()
    const key = taskKey(task.route.union, task.tid)
    if (this.#book.joins(key)) return { deduplicated: true }
    const open = this.#book.add(key, task)
    this.#limit(open)
    if (task.delayMs > 0) {
      open.named.timer = this.#context.timers.set(task.delayMs, () => this.#offering.enter(open.named))
    } else if (this.#offering.mayOffer(open.named)) {
      await this.#firstOffer(open.named, options)
    }
    return { deduplicated: false }
  }

  /** Whether the task is known: its remaining events, or its stored completion, reach this instance. */
  joins(union: string, tid: string): boolean {
    return this.#book.joins(taskKey(union, tid))
  }

  /** Ends a task that this instance sent as cancelled: `over` when it ended before, `unknown` when it is not ours. */
  cancel(union: string, tid: string, reason: string): 'cancelled' | 'over' | 'unknown' {
    const key = taskKey(union, tid)
    const open = this.#book.get(key)
    if (!open || open.named.status === 'ended') return this.#book.resultOf(key) ? 'over' : 'unknown'
    if (open.cancelReason !== undefined) return 'cancelled'
    open.cancelReason = reason
    if (open.named.status !== 'offered') {
      this.#endCancelled(open, reason)
      return 'cancelled'
    }
    // It is decided; but a worker may have begun it, and its word on that be on its way.
    open.named.timer?.cancel()
    open.lingerTimer = this.#context.timers.set(this.#context.settings.queryMs / 4, () =>
      this.#endCancelled(open, reason),
    )
    return 'cancelled'
  }

  #endCancelled(open: OpenTask, reason: string): void {
    for (const hold of open.holds) this.#end(hold, cancelledEnding(reason))
  }

  isCancelled(union: string, tid: string): boolean {
    return this.#book.isCancelled(taskKey(union, tid))
  }

  /** Lets another instance follow a task; undefined when it is not ours. */
  watch(
    union: string,
    tid: string,
    inbox: string,
  ): { readonly complete?: CompleteEvent; readonly remainingMs: number } | undefined {
    return this.#book.watch(union, tid, inbox)
  }

  /** Takes a worker's word. */
  hear(signal: Signal): void {
    const open = this.#book.get(taskKey(signal.route.union, signal.tid))
    const hold = open && this.#holdOf(open, signal)
    if (!hold) return this.#answerUnknown(signal)
    if (this.#isCurrent(hold, signal)) return this.#take(hold, signal)
    if (isRepetition(hold.accepted, signal)) return answer(this.#context, signal, 'confirm')
    // A refusal to hold what another holds by now needs no answer.
    if (signal.kind !== 'busy') refuse(this.#context, signal, this.#reasonFor(signal))
  }

  /** There is a new connection. */
  back(): void {
    for (const { holds } of this.#book.entries()) for (const hold of holds) this.#offering.again(hold)
  }

  /** Somebody consumes a route, whose levels may be `+`. */
  served(route: Route, workgroup: string): void {
    for (const { holds, task } of this.#book.entries()) {
      if (!matchesRoute(route, task.route)) continue
      for (const hold of holds) if (hold.workgroup === workgroup) this.#offering.served(hold)
    }
  }

  close(): void {
    this.#book.clear()
    this.#offering.clear()
  }

  #limit(open: OpenTask): void {
    const { settings, timers } = this.#context
    const { deadline, ttlMs, delayMs } = open.task
    if (deadline > 0 && Number.isFinite(deadline)) {
      open.deadlineTimer = timers.set(deadline - settings.clock.now(), () => {
        for (const hold of open.holds) this.#end(hold, deadlineEnding())
      })
    }
    if (ttlMs > 0) {
      open.ttlTimer = timers.set(delayMs + ttlMs, () => {
        if (open.named.begun === 0) this.#end(open.named, queueTtlEnding(ttlMs))
      })
    }
  }

  /** The offer that `send` waits for: where it fails the task was never accepted. */
  async #firstOffer(hold: Hold, options: WaitOptions): Promise<void> {
    try {
      const outcome = await this.#offering.offer(hold, options)
      options.signal?.throwIfAborted()
      if (foundNobody(hold, outcome)) throw errorFromShape(nobodyEnding(hold).error)
    } catch (error) {
      if (hold.status === 'ended') return
      this.#drop(hold.open)
      throw error
    }
  }

  // What workers say

  #holdOf(open: OpenTask, signal: Signal): Hold | undefined {
    const workgroup = signal.workgroup || open.task.workgroup
    const known = open.holds.find((hold) => hold.workgroup === workgroup)
    if (known || signal.attempt !== 1) return known
    // An observing workgroup took its copy of the first offer, or had no room for it.
    if (open.holds.length > this.#context.settings.maxGroups || this.#book.isStopped(open)) return undefined
    const hold = newHold(open, workgroup, false)
    hold.status = 'offered'
    hold.sends = 1
    hold.offers = 1
    open.holds.push(hold)
    return hold
  }

  #isCurrent(hold: Hold, { attempt, from, kind }: Signal): boolean {
    // Without a send this attempt is not out; an answer may also come while it waits, after another copy was refused.
    if (hold.status === 'ended' || hold.sends === 0) return false
    if (attempt !== 0 && attempt !== hold.attempt) return false
    if (hold.holder === undefined) return true
    if (kind === 'busy') return false
    // A peer without an inbox does not say its workgroup, so it may only observe: a worker that does say it goes before.
    return hold.holder === (from ?? '') || hold.holder === ''
  }

  #take(hold: Hold, signal: Signal): void {
    const { cancelReason } = hold.open
    if (cancelReason !== undefined && signal.kind !== 'busy')
      return this.#takeCancelled(hold, signal, cancelReason)
    switch (signal.kind) {
      case 'busy':
        return this.#offering.refused(hold)
      case 'hold':
        this.#hold(hold, signal)
        return answer(this.#context, signal, 'renewed')
      case 'accept':
        return this.#begin(hold, signal)
      case 'renew':
        this.#begin(hold, signal)
        return answer(this.#context, signal, 'renewed')
      case 'status':
        this.#begin(hold, signal)
        return this.#tell(hold, signal)
      case 'complete':
        return this.#complete(hold, signal)
      case 'release':
        return this.#release(hold, signal)
      case 'cancelled':
        this.cancel(signal.route.union, signal.tid, signal.error?.message ?? 'cancelled')
        return
      default:
    }
  }

  /** The task is being cancelled: whatever a worker says tells only how far it came. */
  #takeCancelled(hold: Hold, signal: Signal, reason: string): void {
    if (signal.kind !== 'hold' && signal.kind !== 'cancelled') hold.begun = hold.attempt
    hold.holder = signal.from ?? ''
    if (hold.isNamed) this.#endCancelled(hold.open, reason)
    else this.#end(hold, cancelledEnding(reason))
  }

  #answered(hold: Hold, { from, leaseMs = 0 }: Signal): void {
    this.#offering.answered(hold)
    hold.refusals = 0
    if (hold.holder === '' && from !== undefined) hold.seq = 0
    hold.holder = from ?? ''
    hold.leaseMs = leaseMs || hold.leaseMs
    hold.timer?.cancel()
    // A peer that knows no leases cannot renew one: it is watched by the deadline alone.
    hold.timer =
      hold.leaseMs > 0
        ? this.#context.timers.set(hold.leaseMs, (lateMs) => this.#leaseOver(hold, lateMs))
        : undefined
  }

  #hold(hold: Hold, signal: Signal): void {
    // Late and out of order: it runs by now.
    if (hold.status === 'running') return
    this.#answered(hold, signal)
    hold.status = 'held'
  }

  #begin(hold: Hold, signal: Signal): void {
    this.#answered(hold, signal)
    hold.status = 'running'
    hold.begun = hold.attempt
    this.#offering.leave(hold)
  }

  #tell(hold: Hold, { event }: Signal): void {
    if (!hold.isNamed || event?.action !== 'status') return
    if (event.seq > 0) {
      // Repeated, or overtaken by a newer one.
      if (event.seq <= hold.seq) return
      hold.seq = event.seq
    }
    // Where one that counts nothing spoke before, or does now, it is counted for: runs drop what is not newer.
    hold.told = Math.max(event.seq, hold.told + 1)
    this.#book.tell(hold.open, {
      ...event,
      attempt: hold.attempt,
      workgroup: hold.workgroup,
      seq: hold.told,
    })
  }

  #complete(hold: Hold, signal: Signal): void {
    if (signal.event?.action !== 'complete') return
    this.#offering.answered(hold)
    hold.begun = hold.attempt
    const { event } = signal
    const isOwn = event.attempt === hold.attempt && event.workgroup === hold.workgroup
    const complete = isOwn ? event : { ...event, attempt: hold.attempt, workgroup: hold.workgroup }
    const accepted = { kind: 'complete', attempt: hold.attempt, from: signal.from } as const
    if (signal.deadLetter === true) this.#book.bury(hold, 'rejected', complete.error)
    this.#settle(hold, complete, accepted)
    answer(this.#context, signal, 'confirm')
  }

  #release(hold: Hold, signal: Signal): void {
    // What was only held, never begun, does not count.
    if (signal.failed === true) {
      hold.begun = hold.attempt
      hold.lastError = signal.error
    }
    hold.accepted = { kind: 'release', attempt: hold.attempt, from: signal.from }
    answer(this.#context, signal, 'confirm')
    this.#next(hold, { isFailed: signal.failed === true, delayMs: signal.delayMs ?? 0 })
  }

  #leaseOver(hold: Hold, lateMs: number, wasCutOff: boolean = false): void {
    if (hold.status !== 'held' && hold.status !== 'running') return
    const { settings, timers } = this.#context
    const graceMs = Math.max(hold.leaseMs / 3, settings.retryMs)
    const isCut = isCutOff(this.#context)
    if (isCut || wasCutOff || lateMs > graceMs) {
      // This process itself stood still, or was cut off: what the worker says has still to be heard, and it says it more and more rarely.
      const waitMs = wasCutOff && !isCut ? Math.max(graceMs, settings.retryMs * 8) : graceMs
      hold.timer = timers.set(waitMs, () => this.#leaseOver(hold, 0, isCut))
      return
    }
    revokeHolder(this.#context, hold, leaseLost)
    if (hold.status === 'running') hold.lastError = undefined
    this.#next(hold, { isFailed: hold.status === 'running', delayMs: 0 })
  }

  /** On to the next attempt, or to the end. */
  #next(hold: Hold, { isFailed, delayMs }: { readonly isFailed: boolean; readonly delayMs: number }): void {
    if (isFailed) hold.failures += 1
    if (isFailed && hold.failures >= hold.open.task.attempts) {
      this.#book.bury(hold, 'attempts-exhausted', hold.lastError)
      return this.#settle(hold, completionOf(hold, exhaustedEnding(hold), this.#context.host), hold.accepted)
    }
    hold.attempt += 1
    hold.sends = 0
    hold.seq = 0
    hold.told = 0
    hold.leaseMs = 0
    hold.holder = undefined
    hold.status = 'waiting'
    hold.timer?.cancel()
    this.#offering.leave(hold)
    hold.timer = delayMs > 0 ? this.#context.timers.set(delayMs, () => this.#offering.enter(hold)) : undefined
    if (delayMs === 0) this.#offering.enter(hold)
  }

  // Ends

  #end(hold: Hold, ending: Ending): void {
    if (hold.status === 'ended') return
    const complete = completionOf(hold, ending, this.#context.host)
    revokeHolder(this.#context, hold, revocation(complete))
    this.#settle(hold, complete, undefined)
  }

  /** The one place where a task ends in a workgroup. */
  #settle(hold: Hold, complete: CompleteEvent, accepted: Acceptance | undefined): void {
    const { open } = hold
    hold.status = 'ended'
    hold.accepted = accepted
    hold.timer?.cancel()
    hold.timer = undefined
    this.#offering.leave(hold)
    if (hold.isNamed) this.#book.end(open, complete, accepted)
    announce(this.#context, complete)
    this.#book.forgetWhenDone(open, this.#offering.answerMs * 2)
  }

  /** Never accepted: nobody is told. */
  #drop(open: OpenTask): void {
    for (const hold of open.holds) {
      revokeHolder(this.#context, hold, leaseLost)
      hold.status = 'ended'
      this.#offering.leave(hold)
    }
    this.#book.drop(open)
  }

  #reasonFor(signal: Signal): ErrorShape {
    const result = this.#book.resultOf(taskKey(signal.route.union, signal.tid))
    return result ? revocation(result.complete) : leaseLost
  }

  /** The task is over, or never was ours. */
  #answerUnknown(signal: Signal): void {
    if (signal.kind === 'busy') return
    const result = this.#book.resultOf(taskKey(signal.route.union, signal.tid))
    if (result?.complete.workgroup === signal.workgroup && isRepetition(result.accepted, signal)) {
      return answer(this.#context, signal, 'confirm')
    }
    refuse(this.#context, signal, this.#reasonFor(signal))
  }
}

/** Whether a worker says again what was accepted: its confirmation was lost. */
function isRepetition(accepted: Acceptance | undefined, { kind, attempt, from }: Signal): boolean {
  return (
    accepted !== undefined && accepted.kind === kind && accepted.attempt === attempt && accepted.from === from
  )
}
