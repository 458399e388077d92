import { type Engine, isFilter, isTopic, type Outcome, type SendResult } from '@aether/engine'
import {
  AckFrame,
  FrameCursor,
  readAck,
  readAttach,
  readCancel,
  readConsume,
  readId,
  readRelease,
  readRenew,
  readReport,
  readRoute,
  readSend,
  ReleaseFrame,
  ReportFrame,
  SendFrame,
  writeDeduplicated,
  writeStatus,
} from '@aether/wire'
import { checkPairs } from '../check-pairs.ts'
import type { CommandProblem, Commands } from '../connection/commands.ts'
import type { Connection } from '../connection/connection.ts'
import { copyBytes } from './copy-bytes.ts'
import { invalidFrame, invalidName, invalidTopic, payloadTooLarge } from '../errors.ts'
import type { Stalls } from '../pubsub/stalls.ts'
import type { TaskEffects } from './task-effects.ts'
import type { TaskEvents } from './task-events.ts'
import { isTaskName } from './task-names.ts'
import { type HeldConsumer, TaskState, Watcher } from './task-state.ts'

export type TaskEngine = Engine<Uint8Array, Uint8Array, Watcher, Connection>

export interface TaskLimits {
  readonly maxPayloadBytes: number
  readonly maxFrameBytes: number
  readonly maxSubscriptions: number
}

export interface TaskHost {
  readonly commands: Commands
  readonly engine: TaskEngine
  readonly effects: TaskEffects
  readonly events: TaskEvents
  readonly stalls: Stalls
  readonly isDraining: boolean
}

const ROUTE_LEVELS = 4
/** More than the fields before a block take in any frame. */
const FIELDS_ROOM = 64
/** A reason is for people; this much of it always fits the frames that carry it on. */
const REASON_LENGTH = 1_024
const outcomes: readonly Outcome[] = ['succeed', 'failed', 'cancelled', 'expired']

const leaseLost: CommandProblem = {
  code: 'ERR_AETHER_LEASE_LOST',
  message: 'The lease is over: the task was given to another worker, has ended, or was never yours.',
}
const shuttingDown: CommandProblem = {
  code: 'ERR_AETHER_TRANSPORT_CLOSED',
  message: 'The broker is shutting down and takes no new work.',
  retryable: true,
}

/** The commands of tasks, each handed to the engine; what they cause comes back through `TaskEffects`. */
export class Tasks {
  readonly #host: TaskHost
  readonly #limits: TaskLimits
  readonly #cursor = new FrameCursor()
  readonly #send = new SendFrame()
  readonly #report = new ReportFrame()
  readonly #ack = new AckFrame()
  readonly #release = new ReleaseFrame()
  /** Mostly the same from one SEND to the next. */
  #checkedWorkgroup: string | undefined

  constructor(host: TaskHost, limits: TaskLimits) {
    this.#host = host
    this.#limits = limits
  }

  /** ROUTE: no command; a number may be given a new meaning. */
  route(from: Connection, bytes: Uint8Array, start: number, end: number): void {
    const { routeId, route } = readRoute(this.#cursor.reset(bytes, start, end))
    if (!isTopic(route) || route.split('/').length !== ROUTE_LEVELS || route.startsWith('$'))
      throw invalidTopic(route)
    const { routes } = stateOf(from)
    if (routes.size >= this.#limits.maxSubscriptions && !routes.has(routeId)) {
      throw invalidFrame(
        `More than ${this.#limits.maxSubscriptions} routes: give their numbers new meanings instead.`,
      )
    }
    routes.set(routeId, route)
  }

  send(from: Connection, bytes: Uint8Array, start: number, end: number): void {
    const send = this.#send
    readSend(this.#cursor.reset(bytes, start, end), send)
    checkPairs(bytes, send.headersAt, send.headersEnd)
    const { commands, engine } = this.#host
    const route = routeOf(from, send.routeId)
    if (this.#isTooLarge(from, send)) return
    if (this.#host.isDraining) return commands.refuse(from, shuttingDown)
    if (!isTaskName(send.tid)) return commands.refuse(from, invalidName('Task', send.tid))
    if (send.workgroup !== this.#checkedWorkgroup) {
      if (!isTaskName(send.workgroup)) return commands.refuse(from, invalidName('Workgroup', send.workgroup))
      this.#checkedWorkgroup = send.workgroup
    }
    // A copy: the chunk it lies in holds much else, and a task may wait for long.
    const block = copyBytes(bytes, send.blockAt, send.end)
    const spec = {
      tid: send.tid,
      workgroup: send.workgroup,
      body: block,
      bytes: block.length,
      priority: send.priority,
      delayMs: send.delayMs,
      ttlMs: send.ttlMs,
      deadlineMs: send.deadlineMs,
      attempts: send.attempts,
      waitForWorkers: send.waitForWorkers,
    }
    const watcher = this.#watch(from, send.correlation, route, send.tid)
    const result = engine.send(route, spec, watcher)
    if (result === 'accepted') return
    if (result === 'deduplicated') return writeDeduplicated(from.out, from.commands)
    if (watcher !== undefined) from.tasks!.watchers.delete(watcher)
    commands.refuse(from, sendProblem(result, route, send.workgroup))
  }

  consume(from: Connection, bytes: Uint8Array, start: number, end: number): void {
    const consume = readConsume(this.#cursor.reset(bytes, start, end))
    const { commands } = this.#host
    const { filter, workgroup, credit, leaseMs, pool } = consume
    if (!isFilter(filter) || filter.startsWith('$')) return commands.refuse(from, invalidTopic(filter))
    if (!isTaskName(workgroup)) return commands.refuse(from, invalidName('Workgroup', workgroup))
    if (from.maxFrameBytes < this.#limits.maxFrameBytes) {
      return commands.refuse(from, framesTooShort(from.maxFrameBytes, this.#limits.maxFrameBytes))
    }
    const state = stateOf(from)
    if (state.consumers.has(consume.consumer)) {
      return commands.refuse(from, {
        code: 'ERR_AETHER_HANDLER_DUPLICATE',
        message: `Consumer ${consume.consumer} of this connection is there already.`,
      })
    }
    if (state.consumers.size >= this.#limits.maxSubscriptions) {
      return commands.refuse(from, {
        code: 'ERR_AETHER_QUEUE_FULL',
        message: `More than ${this.#limits.maxSubscriptions} consumers on one connection.`,
      })
    }
    if (this.#host.isDraining) return commands.refuse(from, shuttingDown)
    // A pool of its own where the client names none: it goes on counting what the consumer holds while it is held back and made again.
    const shared =
      pool === 0 ? { id: `c${consume.consumer}`, credit } : { id: String(pool), credit: consume.poolCredit }
    const held = { spec: { filter, workgroup, credit, leaseMs, owner: from, pool: shared }, id: undefined }
    state.consumers.set(consume.consumer, held)
    // One that does not read what it has gets it open when it has caught up.
    if (!from.congested) this.#open(state, consume.consumer, held)
  }

  consumeStop(from: Connection, bytes: Uint8Array, start: number, end: number): void {
    const number = readId(this.#cursor.reset(bytes, start, end))
    const state = from.tasks
    const held = state?.consumers.get(number)
    if (state === undefined || held === undefined) return
    state.consumers.delete(number)
    this.#close(state, held)
  }

  renew(from: Connection, bytes: Uint8Array, start: number, end: number): void {
    const lease = readRenew(this.#cursor.reset(bytes, start, end))
    if (this.#host.engine.renew(lease, from) !== 'ok') this.#host.commands.refuse(from, leaseLost)
  }

  report(from: Connection, bytes: Uint8Array, start: number, end: number): void {
    const report = this.#report
    readReport(this.#cursor.reset(bytes, start, end), report)
    checkPairs(bytes, report.headersAt, report.headersEnd)
    const { commands, engine, events } = this.#host
    const lease = engine.lease(report.lease)
    if (lease === undefined || lease.owner !== from) return commands.refuse(from, leaseLost)
    if (this.#isTooLarge(from, report)) return
    const watchers = engine.watchers(report.lease, from)
    if (watchers !== undefined) {
      const block = bytes.subarray(report.blockAt, report.end)
      for (const watcher of watchers) {
        const { connection } = watcher
        // Progress is worth less than the memory that a stuck caller would take; its result comes all the same.
        if (connection.congested || block.length + FIELDS_ROOM > connection.maxFrameBytes) {
          this.#host.stalls.miss(connection, 1)
          continue
        }
        writeStatus(connection.out, watcher.id, lease.attempt, block)
        connection.touch()
      }
    }
    if (events.wants(lease.route, 'status')) events.status(lease, bytes, report)
  }

  ack(from: Connection, bytes: Uint8Array, start: number, end: number): void {
    const ack = this.#ack
    readAck(this.#cursor.reset(bytes, start, end), ack)
    checkPairs(bytes, ack.headersAt, ack.headersEnd)
    const { commands, engine } = this.#host
    if (this.#isTooLarge(from, ack)) return
    // Remembered with the result, for those who attach later.
    const block = copyBytes(bytes, ack.blockAt, ack.end)
    const outcome = outcomes[ack.outcome]!
    const result = ack.deadLetter
      ? engine.ack(ack.lease, from, outcome, block, {
          deadLetter: true,
          error: copyBytes(bytes, ack.blockAt, ack.headersEnd),
        })
      : engine.ack(ack.lease, from, outcome, block)
    if (result !== 'ok') commands.refuse(from, leaseLost)
  }

  release(from: Connection, bytes: Uint8Array, start: number, end: number): void {
    const release = this.#release
    readRelease(this.#cursor.reset(bytes, start, end), release)
    checkPairs(bytes, release.headersAt, release.headersEnd)
    const { failed, delayMs } = release
    // The error lies in the headers; a body would be kept with the dead letter, and nobody counts it.
    const error = failed ? copyBytes(bytes, release.blockAt, release.headersEnd) : undefined
    const result = this.#host.engine.release(release.lease, from, { delayMs, failed, error })
    if (result !== 'ok') this.#host.commands.refuse(from, leaseLost)
  }

  cancel(from: Connection, bytes: Uint8Array, start: number, end: number): void {
    const { routeId, tid, reason } = readCancel(this.#cursor.reset(bytes, start, end))
    const { commands, engine } = this.#host
    const route = routeOf(from, routeId)
    if (!engine.cancel(route, tid, reason.slice(0, REASON_LENGTH)))
      commands.refuse(from, unknownTask(tid, 'is not known, or over'))
  }

  attach(from: Connection, bytes: Uint8Array, start: number, end: number): void {
    const { routeId, correlation, tid } = readAttach(this.#cursor.reset(bytes, start, end))
    const { commands, engine } = this.#host
    const route = routeOf(from, routeId)
    const watcher = this.#watch(from, correlation, route, tid)
    if (watcher === undefined) throw invalidFrame('ATTACH without a correlation.')
    if (engine.attach(route, tid, watcher)) return
    from.tasks!.watchers.delete(watcher)
    commands.refuse(from, unknownTask(tid, 'is not known, or has too many watchers'))
  }

  /** DETACH: no command. */
  detach(from: Connection, bytes: Uint8Array, start: number, end: number): void {
    const correlation = readId(this.#cursor.reset(bytes, start, end))
    const watcher = from.tasks?.watchers.get(correlation)
    if (watcher === undefined) return
    from.tasks!.watchers.delete(watcher)
    this.#host.engine.detach(watcher.route, watcher.tid, watcher)
  }

  /** No new deliveries to a connection; its leases stay valid. */
  stop(connection: Connection): void {
    const state = connection.tasks
    if (state === undefined) return
    for (const held of state.consumers.values()) this.#close(state, held)
    state.consumers.clear()
  }

  /** The client does not read what it has: its consumers get nothing more, and what would be theirs stays queued or goes to others. */
  hold(connection: Connection): void {
    const state = connection.tasks
    if (state === undefined) return
    for (const held of state.consumers.values()) this.#close(state, held)
  }

  /** It has caught up. */
  unhold(connection: Connection): void {
    const state = connection.tasks
    if (state === undefined) return
    for (const [number, held] of state.consumers) if (held.id === undefined) this.#open(state, number, held)
  }

  /** A connection has ended: its leases return at once, its watchers watch no more. */
  forget(connection: Connection): void {
    const state = connection.tasks
    if (state === undefined) return
    const { engine } = this.#host
    for (const watcher of state.watchers.takeAll()) engine.detach(watcher.route, watcher.tid, watcher)
    engine.disconnect(connection)
    connection.tasks = undefined
  }

  /** Refuses a block that would not fit the frames in which it is passed on. */
  #isTooLarge(from: Connection, block: { blockAt: number; bodyAt: number; end: number }): boolean {
    const { maxPayloadBytes, maxFrameBytes } = this.#limits
    const size = block.end - block.bodyAt
    if (size <= maxPayloadBytes && block.end - block.blockAt <= maxFrameBytes - FIELDS_ROOM) return false
    this.#host.commands.refuse(from, payloadTooLarge(size, maxPayloadBytes))
    return true
  }

  #open(state: TaskState, number: number, held: HeldConsumer): void {
    const { engine, effects } = this.#host
    // The engine delivers while it consumes: the client's number has to be known before the engine's is.
    effects.expect(number)
    try {
      held.id = engine.consume(held.spec)
    } finally {
      effects.expect(undefined)
    }
    state.clientNumbers.set(held.id, number)
  }

  #close(state: TaskState, held: HeldConsumer): void {
    if (held.id === undefined) return
    this.#host.engine.closeConsumer(held.id)
    state.clientNumbers.delete(held.id)
    held.id = undefined
  }

  #watch(from: Connection, correlation: number, route: string, tid: string): Watcher | undefined {
    if (correlation === 0) return undefined
    const { watchers } = stateOf(from)
    if (watchers.get(correlation) !== undefined)
      throw invalidFrame(`Correlation ${correlation} is in use on this connection.`)
    const watcher = new Watcher(from, correlation, route, tid)
    watchers.add(watcher)
    return watcher
  }
}

function stateOf(connection: Connection): TaskState {
  return (connection.tasks ??= new TaskState())
}

function routeOf(from: Connection, routeId: number): string {
  const route = from.tasks?.routes.get(routeId)
  if (route === undefined) throw invalidFrame(`Route ${routeId} was not given a meaning.`)
  return route
}

function unknownTask(tid: string, what: string): CommandProblem {
  return { code: 'ERR_AETHER_TASK_UNKNOWN', message: `Task ${tid} ${what}.` }
}

/** A task longer than its worker accepts would end the worker's connection, again and again. */
function framesTooShort(bytes: number, limit: number): CommandProblem {
  return {
    code: 'ERR_AETHER_OPTIONS_INVALID',
    message: `This client accepts frames of ${bytes} bytes, and the tasks of this broker may take ${limit}: raise its maxFrameBytes (maxPayloadBytes of the TCP transport), or lower maxPayloadBytes of the broker.`,
  }
}

function sendProblem(result: SendResult, route: string, workgroup: string): CommandProblem {
  if (result === 'workers-none') {
    return {
      code: 'ERR_AETHER_WORKERS_NONE',
      message: `No worker of workgroup ${workgroup} takes ${route}: start one, or send with waitForWorkers.`,
      retryable: true,
    }
  }
  const full = {
    'queue-full': 'queue',
    'bytes-full': 'memory',
    'routes-full': 'routes',
    'watchers-full': 'watchers',
  }
  const what = full[result as keyof typeof full]
  return {
    code: 'ERR_AETHER_QUEUE_FULL',
    message: `The broker's limit of ${what} is reached for ${route}: send more slowly, or raise its limits.`,
    retryable: true,
  }
}
