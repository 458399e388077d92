import { Consumer } from './dispatch/consumer.ts'
import type {
  ConsumerSpec,
  DeadLetter,
  Effects,
  Engine,
  EngineClock,
  EngineLimits,
  EngineOptions,
  EngineStats,
  Lease,
  Outcome,
  SendResult,
  SettleResult,
  TaskSpec,
} from './contract.ts'
import { Dispatcher } from './dispatch/dispatcher.ts'
import type { Due } from './dispatch/dispatcher.ts'
import { endedByDeadline, endedByTtl, Endings } from './queues/endings.ts'
import { EngineError } from './engine-error.ts'
import { hashOf } from './hash-table.ts'
import type { LeaseRecord } from './queues/lease-record.ts'
import { resolveOptions } from './options.ts'
import type { ResolvedOptions } from './options.ts'
import { Owner } from './dispatch/owner.ts'
import type { Known, Route } from './queues/route.ts'
import { RouteTable } from './queues/route-table.ts'
import { engineStats } from './stats.ts'
import { Tally } from './tally.ts'
import { Entry, Task } from './queues/task.ts'
import { TimingWheel } from './timing-wheel.ts'

/** The commands. What a shell hands in (bodies, results, watchers, owners) passes through as it is, so here it is `unknown`. */
class EngineCore implements Engine<unknown, unknown, unknown, unknown> {
  readonly #clock: EngineClock
  readonly #limits: EngineLimits
  readonly #effects: Effects<unknown, unknown, unknown, unknown>
  readonly #tally = new Tally()
  readonly #wheel: TimingWheel<Due>
  readonly #routes: RouteTable
  readonly #dispatcher: Dispatcher
  readonly #endings: Endings
  readonly #owners = new Map<unknown, Owner>()
  readonly #consumers = new Map<number, Consumer>()
  #lastConsumer = 0
  #now: number

  constructor(options: ResolvedOptions, effects: Effects<unknown, unknown, unknown, unknown>) {
    this.#clock = options.clock
    this.#limits = options.limits
    this.#effects = effects
    this.#now = options.clock.now()
    const tally = this.#tally
    const wheel = (this.#wheel = new TimingWheel<Due>(this.#now))
    const routes = (this.#routes = new RouteTable(options, tally))
    const dispatcher = (this.#dispatcher = new Dispatcher(
      effects,
      wheel,
      tally,
      options.dispatch === 'most-credit',
    ))
    this.#endings = new Endings(options, effects, { wheel, tally, routes, dispatcher })
  }

  send(name: string, spec: TaskSpec<unknown>, watcher: unknown): SendResult {
    const hash = hashOf(spec.tid)
    const known = this.#find(name, spec.tid, hash)
    if (known !== undefined) return this.#join(known, watcher)
    const route = this.#routeFor(name, spec)
    if (typeof route === 'string') {
      this.#tally.refused++
      return route
    }
    const now = this.#time()
    const task = new Task(route, spec, hash, now)
    if (watcher !== undefined) task.watch(watcher, 1)
    route.union.tasks.add(task)
    this.#routes.busy(route)
    this.#tally.accepted++
    this.#tally.bytes += task.bytes
    if (task.deadlineAt > 0) this.#wheel.schedule(task, task.deadlineAt)
    this.#copy(route, task, spec.delayMs, now)
    return 'accepted'
  }

  attach(name: string, tid: string, watcher: unknown): boolean {
    const task = this.#find(name, tid)
    return task !== undefined && this.#watch(task, watcher)
  }

  detach(name: string, tid: string, watcher: unknown): void {
    const known = this.#find(name, tid)
    if (known?.kind === 'task') known.unwatch(watcher)
  }

  cancel(name: string, tid: string, reason: string): boolean {
    const task = this.#find(name, tid)
    if (task?.kind !== 'task' || task.open === 0) return false
    const ending = {
      outcome: 'cancelled',
      result: undefined,
      reason: 'cancelled',
      cancelReason: reason,
    } as const
    return this.#endings.finishAll(task, ending, 'cancelled', this.#time())
  }

  consume(spec: ConsumerSpec<unknown>): number {
    checkConsumer(spec)
    const now = this.#time()
    const interest = this.#routes.interest(spec.filter, spec.workgroup)
    let owner = this.#owners.get(spec.owner)
    if (owner === undefined) this.#owners.set(spec.owner, (owner = new Owner(spec.owner, this.#owners)))
    const pool = spec.pool === undefined ? undefined : owner.pool(spec.pool.id, spec.pool.credit)
    const consumer = new Consumer(++this.#lastConsumer, spec, interest, owner, pool)
    owner.consumers.add(consumer)
    this.#consumers.set(consumer.id, consumer)
    this.#dispatcher.admit(consumer, now)
    return consumer.id
  }

  closeConsumer(id: number): void {
    const consumer = this.#consumers.get(id)
    if (consumer !== undefined) this.#close(consumer, this.#time())
  }

  disconnect(key: unknown): void {
    const owner = this.#owners.get(key)
    if (owner === undefined) return
    const now = this.#time()
    // All its consumers first, so that nothing it returns comes back to it; newest leases first, so that the queue's front keeps their order.
    const consumers = [...owner.consumers]
    for (const consumer of consumers) this.#close(consumer, now)
    for (const consumer of consumers) {
      for (let lease = consumer.held; lease !== undefined; lease = consumer.held) this.#lose(lease, now)
    }
  }

  heard(key: unknown): void {
    const owner = this.#owners.get(key)
    if (owner === undefined || owner.suspects === 0) return
    const now = this.#time()
    // All of them before the first is served, so that the policy chooses among all.
    for (const consumer of owner.consumers) this.#dispatcher.trust(consumer)
    for (const consumer of owner.consumers) this.#dispatcher.serve(consumer.interest, now)
  }

  watchers(id: number, owner: unknown): Iterable<unknown> | undefined {
    const lease = this.#held(id, owner)
    return lease?.entry.isNamed === true ? lease.entry.task.watchers : undefined
  }

  lease(id: number): Lease<unknown, unknown> | undefined {
    return this.#dispatcher.lease(id)
  }

  renew(id: number, owner: unknown): SettleResult {
    const lease = this.#held(id, owner)
    if (lease === undefined) return this.#lost(owner)
    const now = this.#time()
    this.#wheel.cancel(lease)
    this.#wheel.schedule(lease, now + lease.holder.leaseMs)
    this.#hear(lease.holder, now)
    return 'ok'
  }

  ack(
    id: number,
    owner: unknown,
    outcome: Outcome,
    result: unknown,
    options?: { readonly deadLetter?: boolean; readonly error?: unknown },
  ): SettleResult {
    const lease = this.#held(id, owner)
    if (lease === undefined) return this.#lost(owner)
    const now = this.#time()
    this.#dispatcher.end(lease)
    if (options?.deadLetter === true) this.#endings.bury(lease.entry, 'rejected', options.error, now)
    this.#endings.finish(lease.entry, { outcome, result, reason: undefined, cancelReason: undefined }, now)
    this.#dispatcher.free(lease, now)
    this.#hear(lease.holder, now)
    return 'ok'
  }

  release(
    id: number,
    owner: unknown,
    options: { readonly delayMs: number; readonly failed: boolean; readonly error?: unknown },
  ): SettleResult {
    const lease = this.#held(id, owner)
    if (lease === undefined) return this.#lost(owner)
    const now = this.#time()
    const { entry } = lease
    this.#dispatcher.end(lease)
    if (options.failed) {
      entry.error = options.error
      this.#endings.fail(entry, options.delayMs, now)
    } else this.#endings.again(entry, options.delayMs, now)
    this.#dispatcher.free(lease, now)
    this.#hear(lease.holder, now)
    return 'ok'
  }

  tick(): void {
    const now = this.#time()
    this.#wheel.advance(now, this)
    this.#endings.expireResults(now)
    this.#routes.expire(now)
  }

  nextTickAt(): number {
    return Math.min(this.#wheel.nextAt(), this.#endings.results.nextAt(), this.#routes.nextAt())
  }

  deadLetters(): Iterable<DeadLetter<unknown>> {
    return this.#endings.deadLetters.all()
  }

  takeDeadLetter(route: string, workgroup: string, tid: string): DeadLetter<unknown> | undefined {
    return this.#endings.deadLetters.take(route, workgroup, tid)
  }

  stats(): EngineStats {
    return engineStats(this.#tally, {
      routes: this.#routes.size,
      leased: this.#dispatcher.leases.size,
      consumers: this.#consumers.size,
      results: this.#endings.results.size,
      deadLetters: this.#endings.deadLetters,
    })
  }

  /** Called by the wheel, while `tick` runs. */
  due(node: Due): void {
    const now = this.#now
    if (node.kind === 'task') this.#endings.finishAll(node, endedByDeadline, 'deadline', now)
    else if (node.kind === 'lease') {
      this.#effects.revoke(node, 'lease-lost', undefined)
      this.#dispatcher.suspect(node.holder)
      this.#lose(node, now)
    } else if (node.state === 'delayed') {
      this.#endings.undelay(node)
      this.#dispatcher.offer(node, now)
    } else {
      this.#dispatcher.withdraw(node)
      this.#endings.finish(node, endedByTtl, now)
    }
  }

  /** The engine's time never goes back, whatever the clock does. */
  #time(): number {
    const now = this.#clock.now()
    if (now > this.#now) this.#now = now
    return this.#now
  }

  #find(name: string, tid: string, hash: number = hashOf(tid)): Known | undefined {
    const union = this.#routes.get(name)?.union ?? this.#routes.union(name)
    return union?.find(tid, hash)
  }

  #join(known: Known, watcher: unknown): SendResult {
    if (watcher !== undefined && !this.#watch(known, watcher)) {
      this.#tally.refused++
      return 'watchers-full'
    }
    this.#tally.deduplicated++
    return 'deduplicated'
  }

  #watch(known: Known, watcher: unknown): boolean {
    if (known.kind === 'task' && known.finished === undefined)
      return known.watch(watcher, this.#limits.maxWatchers)
    const finished = known.kind === 'task' ? known.finished : known
    if (finished !== undefined) this.#effects.settled(watcher, finished.settlement)
    return true
  }

  /** The route for a task that the engine has room for, or why there is none. */
  #routeFor(name: string, spec: TaskSpec<unknown>): Route | SendResult {
    let route = this.#routes.get(name)
    if (route === undefined) {
      const opened = this.#routes.open(name, spec.workgroup, spec.waitForWorkers)
      if (typeof opened === 'string') return opened
      route = opened
    } else if (!spec.waitForWorkers && !route.isSubscribed(spec.workgroup)) return 'workers-none'
    const { maxQueued } = this.#limits
    for (const queue of route.queues) {
      // An observing workgroup that lags holds the sender back too: a copy is never dropped in silence.
      if (queue.waiting >= maxQueued && (queue.links.length > 0 || queue.workgroup === spec.workgroup))
        return 'queue-full'
    }
    return this.#hasBytes(spec.bytes) ? route : 'bytes-full'
  }

  /** Dead letters make room for the living, oldest first. */
  #hasBytes(bytes: number): boolean {
    const { deadLetters } = this.#endings
    const room = this.#limits.maxBytes - this.#tally.bytes - bytes
    if (room < 0) return false
    while (deadLetters.bytes > room && deadLetters.dropOldest());
    return true
  }

  /** An entry for each workgroup; those of the route that nobody serves are not subscribed, unless it is the named one. */
  #copy(route: Route, task: Task, delayMs: number, now: number): void {
    const named = this.#routes.openQueue(route, task.workgroup)
    const { queues } = route
    if (queues.length === 1) return this.#endings.again(new Entry(task, named), delayMs, now)
    // All entries before the first delivery.
    for (const queue of queues) if (queue.links.length > 0 || queue === named) new Entry(task, queue)
    for (let entry = task.entries; entry !== undefined; entry = entry.sibling)
      this.#endings.again(entry, delayMs, now)
  }

  #held(id: number, owner: unknown): LeaseRecord | undefined {
    const lease = this.#dispatcher.lease(id)
    return lease !== undefined && lease.owner === owner ? lease : undefined
  }

  /** A worker speaks of a lease that it does not hold (any more): at least it is there. */
  #lost(key: unknown): SettleResult {
    this.heard(key)
    return 'lease-lost'
  }

  #hear(consumer: Consumer, now: number): void {
    if (!consumer.isSuspect) return
    this.#dispatcher.trust(consumer)
    this.#dispatcher.serve(consumer.interest, now)
  }

  /** A lease ended without its worker's word: that counts as a failed attempt, so that a task which kills its workers ends as a dead letter. */
  #lose(lease: LeaseRecord, now: number): void {
    this.#tally.leasesLost++
    this.#dispatcher.end(lease)
    this.#endings.fail(lease.entry, 0, now)
    this.#dispatcher.free(lease, now)
  }

  #close(consumer: Consumer, now: number): void {
    if (consumer.isClosed) return
    this.#consumers.delete(consumer.id)
    this.#dispatcher.dismiss(consumer)
    this.#routes.leave(consumer.interest, now)
    if (consumer.used === 0) consumer.owner.remove(consumer)
  }
}

function checkConsumer(spec: ConsumerSpec<unknown>): void {
  const { credit, leaseMs, pool } = spec
  if (!isCredit(credit)) throw invalid('credit', credit)
  if (!Number.isFinite(leaseMs) || leaseMs <= 0) throw invalid('leaseMs', leaseMs)
  if (pool !== undefined && !isCredit(pool.credit)) throw invalid('pool.credit', pool.credit)
}

function isCredit(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 1
}

function invalid(option: string, got: unknown): EngineError {
  return new EngineError(
    'ERR_AETHER_OPTIONS_INVALID',
    `consumer ${option}: expected 1 or more, got ${String(got)}`,
    { option },
  )
}

/**
 * Makes an engine: work queues with workgroups, credit, leases, fences, delay, priority, deduplication and dead letters, as one deterministic state
 * machine without I/O. Throws `ERR_AETHER_OPTIONS_INVALID`.
 */
export function createEngine<B, R, W, O>(
  options: EngineOptions,
  effects: Effects<B, R, W, O>,
): Engine<B, R, W, O> {
  // Sound, since the core hands out only what was handed in, and never looks inside.
  return new EngineCore(resolveOptions(options), effects) as Engine<B, R, W, O>
}
