import {
  type AetherError,
  type CompleteEvent,
  type ErrorShape,
  type Receipt,
  type StatusEvent,
  type TaskMessage,
  type Timer,
  type TransportHost,
} from '@aether/core'
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
import { Kind } from './frames.ts'
import type { Lane } from './lane.ts'
import { Hold, type HoldOwner, OpenTask } from './open-task.ts'
import type { Outbox } from './outbox.ts'
import type { Peer, Seat } from './peer.ts'
import type { UnionRoster } from './roster.ts'
import type { PubSubSettings } from './settings.ts'
import { writeTask } from './task-frame.ts'
import { TickWheel } from './tick-wheel.ts'

/** How long a worker that refused for want of room is let alone. */
const fullPauseMs = 50

export interface CallerHost {
  readonly settings: PubSubSettings
  readonly outbox: Outbox
  readonly host: TransportHost
  /** Whether there is a connection: what waits is not handed out without one. */
  readonly isReady: () => boolean
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
  readonly #wheel: TickWheel<OpenTask>
  readonly #waitingLanes = new Set<Lane>()
  readonly #pauses = new Set<Timer>()
  #mustPump = false
  #isClosed = false

  constructor(host: CallerHost) {
    this.#host = host
    this.#wheel = new TickWheel(host.settings.clock, (open) => this.#end(open, deadlineEnd()))
  }

  get size(): number {
    return this.#open.size
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
    this.#takeBack(hold)
    if (isFull && seat !== undefined) this.#pause(seat)
    this.#dispatch(hold, true)
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
    this.#takeBack(hold)
    hold.attempt += 1
    if (given.delayMs === 0) return this.#dispatch(hold, true)
    hold.timer = this.#host.settings.clock.setTimer(() => {
      hold.timer = undefined
      this.#dispatch(hold, false)
      this.pump()
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
    this.pump()
  }

  /** Asks a worker what became of everything it has: something that was said may be lost. */
  inquire(peer: Peer): void {
    if (peer.calls.size === 0) return
    const { writer } = this.#host.outbox.call(peer.channel)
    const start = writer.begin(Kind.ask)
    writer.u32(peer.calls.size)
    for (const call of peer.calls.keys()) writer.u32(call)
    writer.end(start)
  }

  // What the outbox says

  carried(hold: Hold, receivers: number | undefined): void {
    const { seat } = hold
    if (receivers === 0 && seat !== undefined) {
      seat.peer.isAway = true
      this.#takeBack(hold)
      this.#dispatch(hold, true)
      return
    }
    hold.status = 'out'
    if (hold.isNamed) hold.open.accept()
  }

  stranded(hold: Hold, error: AetherError): void {
    // Nobody knows whether it arrived: its worker is asked once there is a connection.
    if (this.#isClosed || error.code === 'ERR_AETHER_TRANSPORT_LOST') return
    this.#takeBack(hold)
    const { open, isNamed } = hold
    if (isNamed && !open.isAccepted) this.#drop(open, error)
    else if (error.retryable) this.#enqueue(hold, true)
    else this.#settle(hold, completionOf(hold, refusedEnd(error), this.#host.host), true)
  }

  /** Hands out what waits, where there is room. */
  pump(): void {
    this.#mustPump = false
    if (!this.#host.isReady()) return
    for (const lane of this.#waitingLanes) this.#pumpLane(lane)
  }

  /** Once, at the end of this turn's work, if something made room. */
  pumpIfNeeded(): void {
    if (this.#mustPump) this.pump()
  }

  close(error: AetherError): void {
    this.#isClosed = true
    this.#wheel.clear()
    for (const timer of this.#pauses) timer.cancel()
    for (const open of [...this.#open.values()]) {
      this.#clearTimers(open)
      if (!open.isAccepted) open.refuse(error)
    }
    this.#open.clear()
    this.#waitingLanes.clear()
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
      this.pump()
    }, delayMs)
  }

  /** To one worker of its own workgroup, and to one of each that observes. */
  #offer(open: OpenTask): void {
    for (const lane of open.page.lanes.values()) {
      if (lane === open.named.lane || lane.seats.length === 0) continue
      const hold = new Hold(this, open, lane, false)
      ;(open.observers ??= []).push(hold)
      this.#dispatch(hold, false)
    }
    this.#dispatch(open.named, false)
  }

  /** To a worker with room, or into the queue. */
  #dispatch(hold: Hold, isFirst: boolean): void {
    if (hold.status === 'ended') return
    const { lane, open } = hold
    hold.status = 'waiting'
    open.page.union.freshen(open.page)
    // Nobody overtakes those who wait already.
    const seat = lane.waiting === 0 || isFirst ? lane.pick() : undefined
    if (seat !== undefined && this.#host.isReady()) return this.#transmit(hold, seat)
    const mustWait = hold.isNamed && !open.isAccepted
    if (mustWait && !open.task.waitForWorkers && !lane.isStaffed) return this.#drop(open, workersNone(open))
    const { maxQueued } = this.#host.settings
    if (lane.waiting >= maxQueued && !isFirst && (mustWait || !hold.isNamed)) return this.#shed(hold)
    this.#enqueue(hold, isFirst)
  }

  #enqueue(hold: Hold, isFirst: boolean): void {
    hold.status = 'waiting'
    hold.isQueued = true
    hold.lane.enqueue(hold, isFirst)
    this.#waitingLanes.add(hold.lane)
    if (hold.isNamed) hold.open.accept()
  }

  /** The queue is full: the caller is refused; an observer goes without, and its owner is told in the log. */
  #shed(hold: Hold): void {
    const { open, lane } = hold
    const error = queueFull(`wait for ${lane.workgroup} at ${open.page.key}`, this.#host.settings.maxQueued)
    if (hold.isNamed) return this.#drop(open, error)
    hold.status = 'ended'
    this.#host.host.logger.warn('an observing workgroup misses a task: its queue is full', {
      workgroup: lane.workgroup,
      tid: open.task.tid,
    })
  }

  #transmit(hold: Hold, seat: Seat): void {
    const { peer } = seat
    const { task, page } = hold.open
    peer.lastCall += 1
    hold.call = peer.lastCall
    hold.seat = seat
    hold.status = 'sending'
    seat.take()
    peer.calls.set(hold.call, hold)
    const batch = this.#host.outbox.call(peer.channel, task.body.length)
    writeTask(
      batch.writer,
      task,
      page.key,
      { call: hold.call, consumer: seat.consumer, attempt: hold.attempt },
      this.#host.settings.clock.now(),
    )
    batch.board(hold, hold.call)
  }

  #pumpLane(lane: Lane): void {
    lane.page.union.freshen(lane.page)
    for (;;) {
      if (lane.waiting === 0) {
        this.#waitingLanes.delete(lane)
        return
      }
      const seat = lane.pick()
      if (seat === undefined) return
      const hold = lane.shift()
      if (hold === undefined) return
      hold.isQueued = false
      this.#transmit(hold, seat)
    }
  }

  #pause(seat: Seat): void {
    if (seat.isFull) return
    seat.isFull = true
    const timer = this.#host.settings.clock.setTimer(() => {
      this.#pauses.delete(timer)
      seat.isFull = false
      this.pump()
    }, fullPauseMs)
    this.#pauses.add(timer)
  }

  /** It is not with a worker any more. */
  #takeBack(hold: Hold): void {
    const { seat } = hold
    if (seat === undefined) return
    seat.peer.calls.delete(hold.call)
    seat.giveBack()
    hold.seat = undefined
    hold.call = 0
    this.#mustPump = true
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
    this.#takeBack(hold)
    if (hold.isQueued && hold.status === 'waiting') hold.lane.forget()
    hold.status = 'ended'
    hold.timer?.cancel()
    const { open } = hold
    if (hold.isNamed && this.#open.get(open.key) === open) this.#open.delete(open.key)
    const isOver =
      open.named.status === 'ended' && (open.observers?.every(({ status }) => status === 'ended') ?? true)
    if (!isOver) return
    this.#clearTimers(open)
    open.page.openTasks -= 1
  }

  #clearTimers(open: OpenTask): void {
    this.#wheel.remove(open)
    open.ttlTimer?.cancel()
    open.named.timer?.cancel()
    for (const { timer } of open.observers ?? []) timer?.cancel()
  }

  #revoke({ seat, call, status }: Hold, { code, message }: ErrorShape): void {
    if (seat === undefined || status === 'ended') return
    const { writer } = this.#host.outbox.call(seat.peer.channel)
    const start = writer.begin(Kind.revoke)
    writer.u32(call)
    writer.text(code)
    writer.text(message)
    writer.end(start)
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
