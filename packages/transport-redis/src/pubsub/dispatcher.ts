import type { TransportHost } from '@aether/core'
import { queueFull, workersNone } from './ends.ts'
import type { Hold, OpenTask } from './open-task.ts'
import type { Outbox } from './outbox.ts'
import type { Seat } from './peer.ts'
import type { PubSubSettings } from './settings.ts'
import { writeTask } from './task-frame.ts'
import { WaitingLanes } from './waiting-lanes.ts'

export interface DispatcherHost {
  readonly settings: PubSubSettings
  readonly outbox: Outbox
  readonly host: TransportHost
  /** Whether there is a connection: what waits is not handed out without one. */
  readonly isReady: () => boolean
}

/** The way from the caller to a worker and back: a task goes to one that has room, or waits in its lane until one has. */
export class Dispatcher {
  readonly #host: DispatcherHost
  readonly #refuse: (open: OpenTask, error: unknown) => void
  readonly #waiting: WaitingLanes
  #mustPump = false

  /** `refuse` ends what was never accepted. */
  constructor(host: DispatcherHost, refuse: (open: OpenTask, error: unknown) => void) {
    this.#host = host
    this.#refuse = refuse
    this.#waiting = new WaitingLanes({
      clock: host.settings.clock,
      isReady: host.isReady,
      transmit: (hold, seat) => this.#transmit(hold, seat),
    })
  }

  /** Hands out what waits, where there is room. */
  pump(): void {
    this.#mustPump = false
    this.#waiting.pump()
  }

  /** Once, at the end of this turn's work, if something made room. */
  pumpIfNeeded(): void {
    if (this.#mustPump) this.pump()
  }

  /** It has no room, though it should: it is let alone for a moment. */
  pause(seat: Seat): void {
    this.#waiting.pause(seat)
  }

  close(): void {
    this.#waiting.close()
  }

  /** To a worker with room, or into the queue. */
  dispatch(hold: Hold, isFirst: boolean): void {
    if (hold.status === 'ended') return
    const { lane, open } = hold
    hold.status = 'waiting'
    open.page.union.freshen(open.page)
    // Nobody overtakes those who wait already.
    const seat = lane.waiting === 0 || isFirst ? lane.pick() : undefined
    if (seat !== undefined && this.#host.isReady()) return this.#transmit(hold, seat)
    const mustWait = hold.isNamed && !open.isAccepted
    if (mustWait && !open.task.waitForWorkers && !lane.isStaffed) return this.#refuse(open, workersNone(open))
    const { maxQueued } = this.#host.settings
    if (lane.waiting >= maxQueued && !isFirst && (mustWait || !hold.isNamed)) return this.#shed(hold)
    this.enqueue(hold, isFirst)
  }

  enqueue(hold: Hold, isFirst: boolean): void {
    this.#waiting.add(hold, isFirst)
    if (hold.isNamed) hold.open.accept()
  }

  /** The queue is full: the caller is refused; an observer goes without, and its owner is told in the log. */
  #shed(hold: Hold): void {
    const { open, lane } = hold
    const error = queueFull(`wait for ${lane.workgroup} at ${open.page.key}`, this.#host.settings.maxQueued)
    if (hold.isNamed) return this.#refuse(open, error)
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

  /** It is not with a worker any more. */
  takeBack(hold: Hold): void {
    const { seat } = hold
    if (seat === undefined) return
    seat.peer.calls.delete(hold.call)
    seat.giveBack()
    hold.seat = undefined
    hold.call = 0
    this.#mustPump = true
  }
}
