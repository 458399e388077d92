import {
  checkName,
  checkRoute,
  type CompleteEvent,
  type Receipt,
  type Route,
  type StatusEvent,
  type TaskMessage,
  type Timer,
} from '@aether/core'
import { queueFull } from '../errors.ts'
import { ByteWriter } from './byte-writer.ts'
import { checkTask } from './check-input.ts'
import { readEvent } from './event-frame.ts'
import type { Lane, LaneOwner } from './lane.ts'
import { laneOf } from './keys.ts'
import { Refusal, refusalError, taskUnknown } from './queue-errors.ts'
import type { QueueHost } from './queue-host.ts'
import { limits } from './queue-settings.ts'
import { Run } from './run.ts'
import { RunBook } from './run-book.ts'

const live = 0
const over = 1
const unknown = 2

/** What a caller needs of its transport. */
export interface CallerHost extends QueueHost {
  lane(name: string): Lane
  onEvent(event: StatusEvent | CompleteEvent): void
}

/** The side of an instance that performs tasks and follows them: a bounded book of open runs, and how each comes to its one completion. */
export class Caller implements LaneOwner {
  readonly #host: CallerHost
  readonly #book = new RunBook()
  readonly #onLaneIdle: (lane: Lane) => void
  #lastRoute: Route | undefined
  #lastLane: Lane | undefined
  #timer: Timer | undefined

  constructor(host: CallerHost, onLaneIdle: (lane: Lane) => void) {
    this.#host = host
    this.#onLaneIdle = onLaneIdle
  }

  send(task: TaskMessage, signal: AbortSignal | undefined): Promise<Receipt> {
    const lane = this.#lane(task.route)
    checkTask(task, this.#host.settings.maxPayloadBytes)
    const known = this.#book.find(lane, task.tid)
    if (known !== undefined) return this.#join(known, task, signal)
    const run = this.#open(lane, task.route, task.tid, task)
    lane.send(run)
    if (signal !== undefined) this.#dropOnAbort(run, signal)
    return run.receipt
  }

  async attach(route: Route, tid: string): Promise<void> {
    const lane = this.#lane(route)
    checkName('tid', tid)
    const known = this.#book.find(lane, tid)
    // Where it is followed already, its events come already.
    if (known !== undefined) return void (await known.receipt)
    const run = this.#open(lane, route, tid, undefined)
    try {
      await this.#ask(lane, [run])
    } catch (error) {
      this.onUnsent(run, error)
    }
    await run.receipt
  }

  async cancel(route: Route, tid: string, reason: string): Promise<void> {
    const lane = this.#lane(route)
    checkName('tid', tid)
    const input = new ByteWriter().text(tid).text(reason.slice(0, 4_096)).take()
    const done = await lane.run(this.#host.scripts.cancel, input)
    if (done !== 1) throw taskUnknown(lane.name, tid, 'is unknown or over')
  }

  /** Something came for a run; what it no longer follows is dropped. */
  onEvent(lane: Lane, tid: string, bytes: Buffer): void {
    const run = this.#book.find(lane, tid)
    if (run !== undefined) this.onStored(run, bytes)
  }

  onSent(run: Run, code: number): void {
    if (code !== Refusal.none && code !== Refusal.joined)
      return this.onUnsent(run, refusalError(code, run.lane.name, run.tid))
    this.#confirm(run, code === Refusal.joined)
  }

  onStored(run: Run, bytes: Buffer): void {
    let event
    try {
      event = readEvent(bytes, run.route, run.tid)
    } catch (error) {
      return this.#host.onForeign(`the inbox of ${this.#host.instance}`, error)
    }
    if (event.action !== 'status' && event.action !== 'complete') return
    // It came on the other connection, before the answer to its send.
    if (run.isConfirmed) this.#tell(run, event)
    else (run.early ??= []).push(event)
  }

  /** It was not taken: its caller learns why, once; where that was told already, by a completion. */
  onUnsent(run: Run, error: unknown): void {
    if (!this.#book.remove(run)) return
    if (run.isConfirmed) this.#host.onEvent(this.#failed(run, error))
    else run.refuse(error)
  }

  onIdle(lane: Lane): void {
    if (this.#lastLane === lane) {
      this.#lastRoute = undefined
      this.#lastLane = undefined
    }
    this.#onLaneIdle(lane)
  }

  /** There is another connection: whatever was said meanwhile was not heard. */
  reconnected(): void {
    for (const run of this.#book) run.checkAtMs = 0
    this.#lookAround()
  }

  close(error: Error): void {
    this.#timer?.cancel()
    this.#timer = undefined
    for (const run of this.#book) if (!run.isConfirmed) this.onUnsent(run, error)
  }

  #lane(route: Route): Lane {
    if (route === this.#lastRoute && this.#lastLane !== undefined) return this.#lastLane
    checkRoute(route)
    this.#lastLane = this.#host.lane(laneOf(route))
    this.#lastRoute = route
    return this.#lastLane
  }

  #open(lane: Lane, route: Route, tid: string, task: TaskMessage | undefined): Run {
    const { maxPending } = this.#host.settings
    if (this.#book.size >= maxPending) throw queueFull(maxPending)
    const run = new Run(lane, route, tid, task)
    run.heard(this.#host.clock.monotonic(), false)
    this.#book.add(run)
    this.#timer ??= this.#host.clock.setTimer(() => this.#lookAround(), limits.checkMs)
    return run
  }

  async #join(known: Run, task: TaskMessage, signal: AbortSignal | undefined): Promise<Receipt> {
    try {
      await known.receipt
    } catch {
      // Its own caller learns of it; this one is a task of its own.
    }
    signal?.throwIfAborted()
    if (this.#book.find(known.lane, known.tid) !== known) return this.send(task, signal)
    return { deduplicated: true }
  }

  #dropOnAbort(run: Run, signal: AbortSignal): void {
    const onAbort = (): void => {
      if (run.isConfirmed || run.isRepeat || !run.lane.isWaiting(run)) return
      run.isDropped = true
      this.onUnsent(run, signal.reason)
    }
    signal.addEventListener('abort', onAbort, { once: true })
    const forget = (): void => signal.removeEventListener('abort', onAbort)
    run.receipt.then(forget, forget)
  }

  #confirm(run: Run, isJoined: boolean): void {
    if (run.isConfirmed) return
    run.confirm(isJoined)
    const { early } = run
    run.early = undefined
    if (early !== undefined) for (const event of early) this.#tell(run, event as StatusEvent | CompleteEvent)
  }

  #tell(run: Run, event: StatusEvent | CompleteEvent): void {
    if (event.action === 'complete') {
      // Another word of the end, or one that raced with it.
      if (!this.#book.remove(run)) return
    } else {
      run.heard(this.#host.clock.monotonic(), false)
      if (!run.isNews(event.attempt, event.seq)) return
    }
    this.#host.onEvent(event)
  }

  #lookAround(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    const nowMs = this.#host.clock.monotonic()
    const silent = new Map<Lane, Run[]>()
    for (const run of this.#book) {
      if (!run.isConfirmed || run.checkAtMs > nowMs) continue
      run.heard(nowMs, true)
      const runs = silent.get(run.lane)
      if (runs === undefined) silent.set(run.lane, [run])
      else runs.push(run)
    }
    for (const [lane, runs] of silent)
      for (let from = 0; from < runs.length; from += limits.batchCount)
        void this.#askAgain(lane, runs.slice(from, from + limits.batchCount))
    if (this.#book.size > 0)
      this.#timer = this.#host.clock.setTimer(() => this.#lookAround(), limits.checkMs / 2)
  }

  async #askAgain(lane: Lane, runs: readonly Run[]): Promise<void> {
    try {
      await this.#ask(lane, runs)
    } catch (error) {
      // The next time will tell, at the latest after the next reconnection.
      this.#host.logger.debug('open runs could not be asked for', { error, lane: lane.name })
    }
  }

  async #ask(lane: Lane, runs: readonly Run[]): Promise<void> {
    const input = new ByteWriter().text(this.#host.instance).u32(runs.length)
    for (const { tid } of runs) input.text(tid)
    const reply = (await lane.ask(this.#host.scripts.check, input.take())) as Buffer
    let at = runs.length
    for (const [index, run] of runs.entries()) {
      const code = reply[index]
      if (code === live) this.#confirm(run, true)
      else if (code === over) {
        const end = at + 4 + reply.readUInt32BE(at)
        this.#confirm(run, true)
        this.onStored(run, reply.subarray(at + 4, end))
        at = end
      } else if (code === unknown) this.#onUnknown(run)
      else this.onUnsent(run, refusalError(code ?? Refusal.none, lane.name, run.tid))
    }
  }

  /** Redis has lost it, or never had it: what this instance performed is sent again, unless its time is over. */
  #onUnknown(run: Run): void {
    const { task, lane, tid } = run
    if (this.#book.find(lane, tid) !== run) return
    if (!run.isConfirmed || task === undefined)
      return this.onUnsent(run, taskUnknown(lane.name, tid, 'is unknown'))
    run.isRepeat = true
    lane.send(run)
  }

  #failed(run: Run, error: unknown): CompleteEvent {
    const { code, message, retryable } = error as { code?: string; message?: string; retryable?: boolean }
    const { client, machine } = this.#host
    return {
      action: 'complete',
      route: run.route,
      tid: run.tid,
      client,
      host: machine,
      status: 'failed',
      attempt: 0,
      workgroup: run.task?.workgroup ?? '',
      codec: 'json',
      error: {
        code: code ?? 'ERR_AETHER_TRANSPORT_LOST',
        message: message ?? String(error),
        retryable: retryable === true,
      },
    }
  }
}
