import {
  type AetherError,
  type CompleteEvent,
  type ErrorShape,
  type Receipt,
  type StatusEvent,
  type TaskMessage,
} from '@aether/core'
import { writeAsk, writeRevoke } from './call-frames.ts'
import { Dispatcher, type DispatcherHost } from './dispatcher.ts'
import {
  cancelledEnd,
  completionOf,
  deadlineEnd,
  type End,
  exhaustedEnd,
  lostEnd,
  queueFull,
  refusedEnd,
  ttlEnd,
  workersNone,
} from './ends.ts'
import { Hold, type HoldOwner, OpenTask } from './open-task.ts'
import type { Peer } from './peer.ts'
import type { UnionRoster } from './roster.ts'
import { TickWheel } from './tick-wheel.ts'

export interface CallerHost extends DispatcherHost {
  /** Tells those who listen. */
  readonly announce: (event: CompleteEvent) => void
  /** Resolves when everything that was said to the union before has been heard. */
  readonly caughtUp: (union: UnionRoster) => Promise<void>
}

/**
 * The caller's side: it keeps its tasks until a worker has room, gives each to one worker of every workgroup, and alone says how it ended. A task leaves for
 * a second worker only when it is certain that the first has not begun it, or when the first gave it back.
 */
export class Caller implements HoldOwner {
  readonly #host: CallerHost
  readonly #open = new Map<string, OpenTask>()
  /** Those that have ended for their callers, and not for all who observe. */
  readonly #observed = new Set<OpenTask>()
  readonly #wheel: TickWheel<OpenTask>
  readonly #dispatcher: Dispatcher
  #isClosed = false

  constructor(host: CallerHost) {
    this.#host = host
    this.#wheel = new TickWheel(host.settings.clock, (open) => this.#end(open, deadlineEnd()))
    this.#dispatcher = new Dispatcher(host, (open, error) => this.#drop(open, error))
  }

  /** Resolves when a worker has it, or when it waits here for one. */
  send(task: TaskMessage, union: UnionRoster): Promise<Receipt> {
    const key = taskKey(task.route.union, task.tid)
    const known = this.#open.get(key)
    if (known !== undefined) return known.receipt.then(() => ({ deduplicated: true }))
    const { maxOpen } = this.#host.settings
    if (this.#open.size >= maxOpen) throw queueFull('of this instance are open', maxOpen)
    const page = union.page(task.route)
    const lane = union.lane(page, task.workgroup)
    const open = new OpenTask(task, key, page)
    open.named = new Hold(this, open, lane, true)
    const mayWait = task.waitForWorkers || lane.isStaffed
    this.#enlist(open)
    if (mayWait) this.#handOut(open)
    else this.#handOutWhenStaffed(open)
    return open.receipt
  }

  /** Ends a task of this instance as cancelled. */
  cancel(union: string, tid: string, reason: string): boolean {
    const open = this.#open.get(taskKey(union, tid))
    if (open === undefined) return false
    this.#end(open, cancelledEnd(reason))
    return true
  }

  /** Takes back a task whose caller gave up before it was accepted. */
  withdraw(union: string, tid: string): void {
    const open = this.#open.get(taskKey(union, tid))
    if (open !== undefined && !open.isAccepted) this.#drop(open, undefined)
  }

  // What workers say

  event(peer: Peer, call: number, read: (hold: Hold) => StatusEvent | CompleteEvent): void {
    const hold = peer.calls.get(call)
    if (hold === undefined) return
    const { attempt, isNamed, lane } = hold
    const event = { ...read(hold), attempt, workgroup: lane.workgroup }
    if (isNamed) hold.open.accept()
    if (hold.status === 'sending') hold.status = 'out'
    if (event.action === 'complete') this.#settle(hold, event)
    else if (isNamed) this.#tell(event)
  }

  /** It was not begun there, so another may have it. */
  bounced(peer: Peer, call: number, isFull: boolean): void {
    const hold = peer.calls.get(call)
    if (hold === undefined) return
    const { seat } = hold
    this.#dispatcher.takeBack(hold)
    if (isFull && seat !== undefined) this.#dispatcher.pause(seat)
    this.#dispatcher.dispatch(hold, true)
  }

  released(
    peer: Peer,
    call: number,
    given: { readonly delayMs: number; readonly failed: boolean; readonly error: ErrorShape | undefined },
  ): void {
    const hold = peer.calls.get(call)
    if (hold === undefined) return
    if (hold.isNamed) hold.open.accept()
    if (given.failed) hold.failures += 1
    if (given.failed && hold.failures >= hold.open.task.attempts) {
      const end = exhaustedEnd(hold.failures, given.error)
      return this.#settle(hold, completionOf(hold, end, this.#host.host), true)
    }
    this.#dispatcher.takeBack(hold)
    hold.attempt += 1
    if (given.delayMs === 0) return this.#dispatcher.dispatch(hold, true)
    hold.timer = this.#host.settings.clock.setTimer(() => {
      hold.timer = undefined
      this.#dispatcher.dispatch(hold, false)
      this.#dispatcher.pump()
    }, given.delayMs)
  }

  running(peer: Peer, call: number): void {
    const hold = peer.calls.get(call)
    if (hold?.status === 'sending') this.carried(hold, undefined)
  }

  lost(peer: Peer, call: number): void {
    const hold = peer.calls.get(call)
    if (hold !== undefined) this.#lose(hold, `worker ${peer.id} no longer knows what became of it`)
  }

  /** It is gone, and will not come back under this name. */
  gone(peer: Peer, why: string): void {
    for (const hold of [...peer.calls.values()]) {
      // Who was only frozen finds this when it goes on.
      this.#revoke(hold, { code: 'ERR_AETHER_LEASE_LOST', message: why, retryable: false })
      this.#lose(hold, why)
    }
    this.#dispatcher.pump()
  }

  /** Asks a worker what became of everything it has: something that was said may be lost. */
  inquire(peer: Peer): void {
    if (peer.calls.size === 0) return
    writeAsk(this.#host.outbox.call(peer.channel).writer, peer.calls)
  }

  // What the outbox says

  carried(hold: Hold, receivers: number | undefined): void {
    const { seat } = hold
    if (receivers === 0 && seat !== undefined) {
      seat.peer.isAway = true
      this.#dispatcher.takeBack(hold)
      this.#dispatcher.dispatch(hold, true)
      return
    }
    hold.status = 'out'
    if (hold.isNamed) hold.open.accept()
  }

  stranded(hold: Hold, error: AetherError): void {
    // Nobody knows whether it arrived: its worker is asked once there is a connection.
    if (this.#isClosed || error.code === 'ERR_AETHER_TRANSPORT_LOST') return
    this.#dispatcher.takeBack(hold)
    const { open, isNamed } = hold
    if (isNamed && !open.isAccepted) this.#drop(open, error)
    else if (error.retryable) this.#dispatcher.enqueue(hold, true)
    else this.#settle(hold, completionOf(hold, refusedEnd(error), this.#host.host), true)
  }

  /** Hands out what waits, where there is room. */
  pump(): void {
    this.#dispatcher.pump()
  }

  /** Once, at the end of this turn's work, if something made room. */
  pumpIfNeeded(): void {
    this.#dispatcher.pumpIfNeeded()
  }

  close(error: AetherError): void {
    this.#isClosed = true
    this.#wheel.clear()
    for (const open of [...this.#open.values(), ...this.#observed]) {
      this.#clearTimers(open)
      if (!open.isAccepted) open.refuse(error)
    }
    this.#open.clear()
    this.#observed.clear()
    this.#dispatcher.close()
  }

  // The way of a task

  #handOutWhenStaffed(open: OpenTask): void {
    const { page, named } = open
    // A worker may have said that it is there, and it was not heard yet.
    this.#host.caughtUp(page.union).then(
      () => {
        if (this.#open.get(open.key) !== open || this.#isClosed) return
        page.union.freshen(page)
        if (named.lane.isStaffed) this.#handOut(open)
        else this.#drop(open, workersNone(open))
      },
      (error: unknown) => this.#drop(open, error),
    )
  }

  #enlist(open: OpenTask): void {
    this.#open.set(open.key, open)
    open.page.openTasks += 1
    const { deadline } = open.task
    if (Number.isFinite(deadline)) this.#wheel.add(open, deadline - this.#host.settings.clock.now())
  }

  #handOut(open: OpenTask): void {
    const { ttlMs, delayMs } = open.task
    const { clock } = this.#host.settings
    if (ttlMs > 0)
      open.ttlTimer = clock.setTimer(() => {
        open.ttlTimer = undefined
        if (open.named.begun === 0) this.#end(open, ttlEnd(ttlMs))
      }, delayMs + ttlMs)
    if (delayMs === 0) return this.#offer(open)
    open.accept()
    open.named.timer = clock.setTimer(() => {
      open.named.timer = undefined
      this.#offer(open)
      this.#dispatcher.pump()
    }, delayMs)
  }

  /** To one worker of its own workgroup, and to one of each that observes. */
  #offer(open: OpenTask): void {
    for (const lane of open.page.lanes.values()) {
      if (lane === open.named.lane || lane.seats.length === 0) continue
      const hold = new Hold(this, open, lane, false)
      ;(open.observers ??= []).push(hold)
      this.#dispatcher.dispatch(hold, false)
    }
    this.#dispatcher.dispatch(open.named, false)
  }

  // Ends

  #lose(hold: Hold, why: string): void {
    if (hold.isNamed) hold.open.accept()
    this.#settle(hold, completionOf(hold, lostEnd(why), this.#host.host), true)
  }

  /** In every workgroup, whoever works on it. */
  #end(open: OpenTask, end: End): void {
    const { named, observers } = open
    const complete = completionOf(named, end, this.#host.host)
    for (const hold of observers ?? []) {
      this.#revoke(hold, end.error)
      this.#leave(hold)
    }
    if (named.status === 'ended') return
    this.#revoke(named, end.error)
    this.#settle(named, complete, true)
  }

  /** The one place where a task ends in a workgroup; what the caller decided is told to those who listen, the worker tells the rest. */
  #settle(hold: Hold, complete: CompleteEvent, isOurs = false): void {
    if (hold.status === 'ended') return
    this.#leave(hold)
    if (isOurs) this.#host.announce(complete)
    if (!hold.isNamed) return
    hold.open.accept()
    this.#tell(complete)
  }

  /** Never accepted: nobody hears of it but its sender. */
  #drop(open: OpenTask, error: unknown): void {
    if (open.named.status === 'ended') return
    for (const hold of [open.named, ...(open.observers ?? [])]) {
      this.#revoke(hold, cancelledEnd('its caller gave up before it was accepted').error)
      this.#leave(hold)
    }
    // Without an error its caller has rejected already.
    if (error !== undefined) open.refuse(error)
  }

  #leave(hold: Hold): void {
    if (hold.status === 'ended') return
    this.#dispatcher.takeBack(hold)
    if (hold.isQueued && hold.status === 'waiting') hold.lane.forget()
    hold.status = 'ended'
    hold.timer?.cancel()
    const { open } = hold
    if (hold.isNamed && this.#open.get(open.key) === open) this.#open.delete(open.key)
    const isOver =
      open.named.status === 'ended' && (open.observers?.every(({ status }) => status === 'ended') ?? true)
    if (!isOver) {
      if (open.named.status === 'ended') this.#observed.add(open)
      return
    }
    this.#observed.delete(open)
    this.#clearTimers(open)
    open.page.openTasks -= 1
  }

  #clearTimers(open: OpenTask): void {
    this.#wheel.remove(open)
    open.ttlTimer?.cancel()
    open.named.timer?.cancel()
    for (const { timer } of open.observers ?? []) timer?.cancel()
  }

  #revoke({ seat, call, status }: Hold, error: ErrorShape): void {
    if (seat === undefined || status === 'ended') return
    writeRevoke(this.#host.outbox.call(seat.peer.channel).writer, call, error)
  }

  /** What the application's callback throws is its own, and stops nothing here. */
  #tell(event: StatusEvent | CompleteEvent): void {
    const { host } = this.#host
    try {
      host.onEvent(event)
    } catch (error) {
      host.logger.error('a callback of the Redis transport threw', { error })
    }
  }
}

function taskKey(union: string, tid: string): string {
  return `${union}/${tid}`
}
