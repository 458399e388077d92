import { AetherError } from '@aether/core'
import type {
  AetherEvent,
  CompleteEvent,
  ConsumeOptions,
  Delivery,
  ErrorCode,
  ErrorShape,
  EventFilter,
  ReleaseOptions,
  Route,
  StatusEvent,
  TaskMessage,
} from '@aether/core'

import type { Defect } from './defect.ts'

export interface HubOptions {
  readonly maxQueued: number
  readonly resultTtlMs: number
  readonly groupTtlMs: number
}

/** A connected transport, as the hub sees it. */
export interface Session {
  /** What it is handed. */
  deliver(lease: HubLease): void
  revoked(lease: HubLease, reason: AetherError): void
  event(event: StatusEvent | CompleteEvent): void
}

export interface HubConsumer {
  readonly session: Session
  readonly route: Route
  readonly options: ConsumeOptions
  readonly handler: (delivery: Delivery) => void
  held: number
  /** Since when it has not been heard from: who let a lease run out is asked last. */
  lostAt: number
  isOpen: boolean
}

export interface HubListener {
  readonly union: string
  readonly filter: EventFilter
  readonly handler: (event: AetherEvent) => void
}

export interface HubLease {
  readonly task: HubTask
  readonly copy: HubCopy
  readonly consumer: HubConsumer
  readonly attempt: number
  isLive: boolean
  timer: NodeJS.Timeout | undefined
}

export interface HubCopy {
  readonly workgroup: string
  readonly order: number
  status: 'delayed' | 'queued' | 'leased' | 'over'
  attempt: number
  failures: number
  lease: HubLease | undefined
  timer: NodeJS.Timeout | undefined
  lastError: ErrorShape | undefined
}

export interface HubTask {
  readonly message: TaskMessage
  readonly watchers: Set<Session>
  readonly copies: HubCopy[]
  complete: CompleteEvent | undefined
  timers: NodeJS.Timeout[]
}

/**
 * The queue semantics of the contract in the plainest way that works: arrays, scans and timers. It is what the self tests of the suite run on, whole and
 * with one defect at a time; nobody else should.
 */
export class ReferenceHub {
  readonly letters: string[] = []
  readonly #options: HubOptions
  readonly #defect: Defect | undefined
  #tasks = new Map<string, HubTask>()
  #consumers: HubConsumer[] = []
  #listeners: HubListener[] = []
  #seenGroups = new Map<string, number>()
  #order = 0

  constructor(options: HubOptions, defect: Defect | undefined) {
    this.#options = options
    this.#defect = defect
  }

  has(defect: Defect): boolean {
    return this.#defect === defect
  }

  /** The process is gone, and with it all it knew. */
  crash(): void {
    for (const task of this.#tasks.values()) {
      for (const timer of task.timers) clearTimeout(timer)
      for (const copy of task.copies) {
        clearTimeout(copy.timer)
        clearTimeout(copy.lease?.timer)
        if (copy.lease !== undefined) copy.lease.isLive = false
      }
    }
    this.#tasks = new Map()
    this.#consumers = []
    this.#listeners = []
    this.#seenGroups = new Map()
  }

  send(message: TaskMessage, session: Session): boolean {
    const key = `${message.route.union}/${message.tid}`
    const known = this.#tasks.get(key)
    if (known !== undefined && !this.has('runs-duplicates')) {
      this.#watch(known, session)
      return true
    }
    const groups = this.#groupsOf(message)
    const isRefused = !message.waitForWorkers && !this.has('accepts-workerless')
    if (isRefused && !groups.includes(message.workgroup))
      throw new AetherError('ERR_AETHER_WORKERS_NONE', `no worker of ${message.workgroup}`)
    const wanted = this.has('copies-to-one-group')
      ? [message.workgroup]
      : [...new Set([message.workgroup, ...groups])]
    if (!this.has('queues-without-limit') && this.#waitingAt(message) >= this.#options.maxQueued)
      throw new AetherError('ERR_AETHER_QUEUE_FULL', 'the queue is full', { retryable: true })
    const task: HubTask = {
      message,
      watchers: new Set([session]),
      copies: wanted.map((workgroup) => this.#copy(workgroup)),
      complete: undefined,
      timers: [],
    }
    this.#tasks.set(known === undefined ? key : `${key}#${String(this.#order)}`, task)
    this.#startTimers(task)
    for (const copy of task.copies) this.#queue(task, copy, this.has('ignores-delay') ? 0 : message.delayMs)
    return false
  }

  attach(route: Route, tid: string, session: Session): void {
    const task = this.#tasks.get(`${route.union}/${tid}`)
    if (task === undefined) throw new AetherError('ERR_AETHER_TASK_UNKNOWN', `no task ${tid}`)
    this.#watch(task, session)
  }

  cancel(route: Route, tid: string, reason: string): void {
    const task = this.#tasks.get(`${route.union}/${tid}`)
    if (task === undefined || task.complete !== undefined) {
      if (this.has('cancels-the-unknown')) return
      throw new AetherError('ERR_AETHER_TASK_UNKNOWN', `no task ${tid} to cancel`)
    }
    if (this.has('cancels-nothing')) return
    this.#endByHub(task, 'cancelled', 'ERR_AETHER_TASK_CANCELLED', reason)
  }

  consume(consumer: HubConsumer): void {
    this.#consumers.push(consumer)
    this.#dispatchAll()
  }

  closeConsumer(consumer: HubConsumer): void {
    consumer.isOpen = false
    this.#consumers = this.#consumers.filter((other) => other !== consumer)
    this.#remember(consumer)
  }

  listen(listener: HubListener): void {
    this.#listeners.push(listener)
  }

  unlisten(listener: HubListener): void {
    this.#listeners = this.#listeners.filter((other) => other !== listener)
  }

  disconnect(session: Session, keepLeases: boolean): void {
    for (const consumer of this.#consumers.filter((candidate) => candidate.session === session))
      this.closeConsumer(consumer)
    for (const task of this.#tasks.values()) {
      task.watchers.delete(session)
      for (const { lease } of task.copies)
        if (lease !== undefined && lease.consumer.session === session && !keepLeases) this.#lose(lease)
    }
  }

  publish(event: AetherEvent): void {
    const isPresence = event.action !== 'status' && event.action !== 'complete' && event.action !== 'cancel'
    if (this.has('drops-presence') && isPresence) return
    for (const { union, filter, handler } of [...this.#listeners]) {
      const isOwn = this.has('crosses-unions') || union === event.route.union
      if (!isOwn || !(this.has('hears-everything') || matchesFilter(filter, event))) continue
      handler(event)
      if (this.has('hears-twice')) handler(event)
    }
  }

  renew(lease: HubLease): void {
    this.#check(lease)
    if (!this.has('ignores-renew')) this.#startLease(lease)
  }

  report(lease: HubLease, event: StatusEvent): void {
    this.#check(lease)
    if (lease.copy.workgroup === lease.task.message.workgroup)
      for (const watcher of lease.task.watchers) watcher.event(event)
    if (!this.has('drops-events')) this.publish(event)
  }

  ack(lease: HubLease, complete: CompleteEvent, isDeadLetter: boolean): void {
    if (this.has('accepts-stale-acks') && !lease.isLive) {
      for (const watcher of lease.task.watchers) watcher.event(complete)
      return
    }
    this.#check(lease)
    this.#endLease(lease)
    if (isDeadLetter) this.#keepLetter(lease.task)
    this.#endCopy(lease.task, lease.copy, {
      ...complete,
      workgroup: lease.copy.workgroup,
      attempt: lease.attempt,
    })
    this.#dispatchAll()
  }

  release(lease: HubLease, options: ReleaseOptions): void {
    this.#check(lease)
    this.#endLease(lease)
    lease.copy.lastError = options.error
    const isCounted = options.failed === true || this.has('counts-every-release')
    this.#again(lease, isCounted, this.has('ignores-release-delay') ? 0 : (options.delayMs ?? 0))
    this.#dispatchAll()
  }

  #copy(workgroup: string): HubCopy {
    this.#order += 1
    return {
      workgroup,
      order: this.#order,
      status: 'delayed',
      attempt: 0,
      failures: 0,
      lease: undefined,
      timer: undefined,
      lastError: undefined,
    }
  }

  #watch(task: HubTask, session: Session): void {
    if (task.complete === undefined) task.watchers.add(session)
    else session.event(task.complete)
  }

  #remember(consumer: HubConsumer): void {
    const { union, job, task, context } = consumer.route
    const name = [union, job, task, context, consumer.options.workgroup].join('/')
    this.#seenGroups.set(name, performance.now())
  }

  #groupsOf(message: TaskMessage): string[] {
    const live = this.#consumers
      .filter(({ route }) => matchesRoute(route, message.route, this.has('crosses-unions')))
      .map(({ options }) => options.workgroup)
    const since = performance.now() - this.#options.groupTtlMs
    for (const [name, at] of this.#seenGroups) {
      const [union = '', job = '', task = '', context = '', workgroup = ''] = name.split('/')
      if (at >= since && matchesRoute({ union, job, task, context }, message.route, false))
        live.push(workgroup)
    }
    return live
  }

  #waitingAt(message: TaskMessage): number {
    let count = 0
    for (const task of this.#tasks.values())
      if (matchesRoute(message.route, task.message.route, false))
        count += task.copies.filter(
          ({ status, workgroup }) => status === 'queued' && workgroup === message.workgroup,
        ).length
    return count
  }

  #startTimers(task: HubTask): void {
    const { deadline, ttlMs } = task.message
    const end = (code: ErrorCode): void => this.#endByHub(task, 'expired', code, 'out of time')
    if (!this.has('ignores-deadline'))
      task.timers.push(
        setTimeout(() => end('ERR_AETHER_DEADLINE_EXCEEDED'), Math.max(0, deadline - Date.now())),
      )
    if (ttlMs > 0 && !this.has('ignores-ttl'))
      task.timers.push(
        setTimeout(() => {
          const isQueued = task.copies.every(({ status }) => status === 'queued' || status === 'delayed')
          if (isQueued || this.has('ttl-ends-running')) end('ERR_AETHER_TASK_EXPIRED')
        }, ttlMs),
      )
  }

  #queue(task: HubTask, copy: HubCopy, delayMs: number): void {
    clearTimeout(copy.timer)
    if (delayMs <= 0) {
      copy.status = 'queued'
      this.#dispatchAll()
      return
    }
    copy.status = 'delayed'
    copy.timer = setTimeout(() => this.#queue(task, copy, 0), delayMs)
  }

  #dispatchAll(): void {
    const waiting = [...this.#tasks.values()].flatMap((task) =>
      task.copies.filter(({ status }) => status === 'queued').map((copy) => ({ task, copy })),
    )
    waiting.sort((a, b) => {
      const byPriority = this.has('ignores-priority') ? 0 : b.task.message.priority - a.task.message.priority
      const byOrder = a.copy.order - b.copy.order
      return byPriority === 0 ? (this.has('last-come-first') ? -byOrder : byOrder) : byPriority
    })
    for (const { task, copy } of waiting) this.#dispatch(task, copy)
  }

  #dispatch(task: HubTask, copy: HubCopy): void {
    if (copy.status !== 'queued') return
    const candidates = this.#consumers
      .filter(({ route }) => matchesRoute(route, task.message.route, this.has('crosses-unions')))
      .filter(({ options }) => options.workgroup === copy.workgroup)
      .filter((consumer) => this.#hasRoom(consumer))
    const [best, second] = candidates.toSorted((a, b) => a.lostAt - b.lostAt || a.held - b.held)
    if (best === undefined) return
    copy.status = 'leased'
    copy.attempt += 1
    this.#hand(task, copy, best)
    if (this.has('delivers-twice')) this.#hand(task, copy, second ?? best)
  }

  #hand(task: HubTask, copy: HubCopy, consumer: HubConsumer): void {
    consumer.held += 1
    const lease: HubLease = { task, copy, consumer, attempt: copy.attempt, isLive: true, timer: undefined }
    copy.lease = lease
    this.#startLease(lease)
    consumer.session.deliver(lease)
  }

  #hasRoom(consumer: HubConsumer): boolean {
    if (this.has('ignores-credit')) return true
    if (consumer.held >= consumer.options.credit) return false
    const { pool } = consumer.options
    if (pool === undefined || this.has('ignores-pool')) return true
    const held = this.#consumers
      .filter(({ session, options }) => session === consumer.session && options.pool?.id === pool.id)
      .reduce((sum, other) => sum + other.held, 0)
    return held < pool.credit
  }

  #startLease(lease: HubLease): void {
    clearTimeout(lease.timer)
    if (this.has('holds-leases-for-ever')) return
    lease.timer = setTimeout(() => this.#lose(lease), lease.consumer.options.leaseMs)
  }

  #check(lease: HubLease): void {
    if (!lease.isLive) throw new AetherError('ERR_AETHER_LEASE_LOST', 'the lease is gone')
  }

  #endLease(lease: HubLease): void {
    lease.isLive = false
    clearTimeout(lease.timer)
    lease.consumer.held -= 1
    lease.copy.lease = undefined
  }

  #lose(lease: HubLease): void {
    if (!lease.isLive) return
    this.#endLease(lease)
    lease.consumer.lostAt = performance.now()
    const reason = new AetherError('ERR_AETHER_LEASE_LOST', 'the lease ended')
    lease.consumer.session.revoked(lease, reason)
    if (this.has('revokes-twice')) lease.consumer.session.revoked(lease, reason)
    this.#again(lease, true, 0)
    this.#dispatchAll()
  }

  #again({ task, copy }: HubLease, isCounted: boolean, delayMs: number): void {
    if (isCounted) copy.failures += 1
    if (copy.failures < task.message.attempts || this.has('retries-for-ever')) {
      this.#queue(task, copy, delayMs)
      return
    }
    this.#keepLetter(task)
    const error = copy.lastError ?? {
      code: 'ERR_AETHER_ATTEMPTS_EXHAUSTED',
      message: 'no attempt left',
      retryable: false,
    }
    this.#endCopy(task, copy, { ...hubComplete(task, copy, 'failed'), error })
  }

  #keepLetter(task: HubTask): void {
    if (!this.has('drops-dead-letters')) this.letters.push(task.message.tid)
  }

  #endByHub(task: HubTask, status: 'cancelled' | 'expired', code: ErrorCode, text: string): void {
    for (const copy of task.copies) {
      if (copy.status === 'over') continue
      const { lease } = copy
      if (lease !== undefined) {
        this.#endLease(lease)
        if (!this.has('cancels-silently')) lease.consumer.session.revoked(lease, new AetherError(code, text))
      }
      this.#endCopy(task, copy, {
        ...hubComplete(task, copy, status),
        error: { code, message: text, retryable: false },
      })
    }
    this.#dispatchAll()
  }

  #endCopy(task: HubTask, copy: HubCopy, complete: CompleteEvent): void {
    copy.status = 'over'
    clearTimeout(copy.timer)
    if (!this.has('drops-events')) this.publish(complete)
    const isNamed = copy.workgroup === task.message.workgroup
    if (!isNamed && !this.has('answers-for-observers')) return
    for (const watcher of task.watchers) {
      watcher.event(complete)
      if (this.has('completes-twice')) watcher.event(complete)
    }
    if (!isNamed) return
    task.complete = complete
    task.watchers.clear()
    for (const timer of task.timers) clearTimeout(timer)
    this.#forgetLater(task)
  }

  #forgetLater(task: HubTask): void {
    const key = `${task.message.route.union}/${task.message.tid}`
    if (this.has('never-forgets-results')) return
    if (this.has('forgets-results')) {
      this.#tasks.delete(key)
      return
    }
    task.timers.push(setTimeout(() => this.#tasks.delete(key), this.#options.resultTtlMs))
  }
}

function hubComplete(task: HubTask, copy: HubCopy, status: CompleteEvent['status']): CompleteEvent {
  const { route, tid } = task.message
  const { attempt, workgroup } = copy
  return { action: 'complete', route, tid, client: '', host: '', status, attempt, workgroup, codec: 'json' }
}

function matchesRoute(pattern: Route, route: Route, isAnyUnion: boolean): boolean {
  const levels = ['job', 'task', 'context'] as const
  return (
    (isAnyUnion || pattern.union === route.union) &&
    levels.every((level) => pattern[level] === '+' || pattern[level] === route[level])
  )
}

function matchesFilter(filter: EventFilter, event: AetherEvent): boolean {
  const is = (wanted: string | undefined, actual: string): boolean =>
    wanted === undefined || wanted === '+' || wanted === actual
  return (
    is(filter.job, event.route.job) &&
    is(filter.task, event.route.task) &&
    is(filter.context, event.route.context) &&
    is(filter.tid, event.tid) &&
    is(filter.action, event.action)
  )
}
