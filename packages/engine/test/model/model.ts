import type { Effect } from '../engine-harness.ts'
import { matchFilter } from '../../src/index.ts'
import type {
  DispatchPolicy,
  EngineLimits,
  EngineStats,
  Lease,
  SendResult,
  Settlement,
  TaskSpec,
} from '../../src/index.ts'

export interface ModelEntry {
  readonly task: ModelTask
  readonly workgroup: string
  state: 'ready' | 'delayed' | 'leased' | 'done'
  attempt: number
  failures: number
  /** Smaller goes first; equal means that their order is not said. */
  rank: number
  /** The step in which it became ready. */
  readySince: number
  readyAt: number
  ttlAt: number
  error: unknown
  lease: ModelLease | undefined
}

export interface ModelTask {
  readonly union: string
  readonly route: string
  readonly spec: TaskSpec<string>
  readonly deadlineAt: number
  readonly entries: ModelEntry[]
  watchers: string[]
  settlement: Settlement<string> | undefined
  forgetAt: number
  isOutlived: boolean
}

export interface ModelLease {
  readonly seen: Lease<string, string>
  readonly entry: ModelEntry
  readonly consumer: ModelConsumer
  expiresAt: number
}

export interface ModelConsumer {
  readonly id: number
  readonly filter: string
  readonly workgroup: string
  readonly credit: number
  readonly leaseMs: number
  readonly owner: string
  readonly pool: string | undefined
  isOpen: boolean
  isSuspect: boolean
  readonly held: Set<ModelLease>
}

function check(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(message)
}

/** When a time is due at a tick, the engine counting in slots of 8 ms. */
function slot(time: number): number {
  return Math.ceil(time / 8) * 8
}

/** The engine as one would write it without a thought for speed: it judges what the engine does rather than doing it first. */
export class Model {
  now: number
  step = 0
  readonly limits: EngineLimits
  readonly policy: DispatchPolicy
  readonly tasks: ModelTask[] = []
  readonly consumers: ModelConsumer[] = []
  readonly leases = new Map<number, ModelLease>()
  readonly results: ModelTask[] = []
  readonly vacant = new Map<string, number>()
  readonly poolCredit = new Map<string, number>()
  letters: {
    readonly route: string
    readonly workgroup: string
    readonly tid: string
    readonly bytes: number
  }[] = []
  readonly counts = {
    accepted: 0,
    succeed: 0,
    failed: 0,
    cancelled: 0,
    expired: 0,
    deduplicated: 0,
    refused: 0,
    lost: 0,
    redelivered: 0,
    dropped: 0,
  }
  #settled: Extract<Effect, { kind: 'settled' }>[] = []
  /** What the command under way allows: the ends it causes, and consumers whose credit it returns last. */
  allowed = new Set<ModelEntry>()
  exempt = new Set<ModelConsumer>()
  #lastLease = 0

  constructor(now: number, limits: EngineLimits, policy: DispatchPolicy) {
    this.now = now
    this.limits = limits
    this.policy = policy
  }

  find(route: string, tid: string): ModelTask | undefined {
    const union = route.split('/')[0]
    return this.tasks.find((task) => task.union === union && task.spec.tid === tid)
  }

  openEntries(): ModelEntry[] {
    return this.tasks.flatMap((task) => task.entries).filter((entry) => entry.state !== 'done')
  }

  waiting(route: string, workgroup: string): ModelEntry[] {
    return this.openEntries().filter(
      (entry) =>
        entry.task.route === route &&
        entry.workgroup === workgroup &&
        (entry.state === 'ready' || entry.state === 'delayed'),
    )
  }

  subscribed(route: string): Set<string> {
    const groups = new Set<string>()
    for (const consumer of this.consumers)
      if (consumer.isOpen && matchFilter(consumer.filter, route)) groups.add(consumer.workgroup)
    for (const key of this.vacant.keys()) {
      const [filter, workgroup] = key.split(' ') as [string, string]
      if (matchFilter(filter, route)) groups.add(workgroup)
    }
    return groups
  }

  bytes(): number {
    const live = this.tasks.filter((task) => task.entries.some((entry) => entry.state !== 'done'))
    return live.reduce((sum, task) => sum + task.spec.bytes, 0)
  }

  /** What `send` must answer; an accepted task is in the model afterwards. */
  send(route: string, spec: TaskSpec<string>, watcher: string): SendResult {
    const known = this.find(route, spec.tid)
    if (known !== undefined) {
      const isFull =
        known.settlement === undefined &&
        !known.watchers.includes(watcher) &&
        known.watchers.length >= this.limits.maxWatchers
      this.counts[isFull ? 'refused' : 'deduplicated']++
      if (isFull) return 'watchers-full'
      if (known.settlement === undefined && !known.watchers.includes(watcher)) known.watchers.push(watcher)
      return 'deduplicated'
    }
    const refusal = this.#refusal(route, spec)
    if (refusal !== undefined) {
      this.counts.refused++
      return refusal
    }
    while (
      this.bytes() + spec.bytes + this.letters.reduce((sum, letter) => sum + letter.bytes, 0) >
      this.limits.maxBytes
    )
      this.dropLetter()
    this.counts.accepted++
    const task: ModelTask = {
      union: route.split('/')[0] as string,
      route,
      spec,
      deadlineAt: spec.deadlineMs > 0 ? this.now + spec.deadlineMs : Infinity,
      entries: [],
      watchers: [watcher],
      settlement: undefined,
      forgetAt: Infinity,
      isOutlived: false,
    }
    this.tasks.push(task)
    for (const workgroup of this.subscribed(route).add(spec.workgroup)) {
      const entry: ModelEntry = {
        task,
        workgroup,
        state: 'delayed',
        attempt: 0,
        failures: 0,
        rank: 0,
        readySince: 0,
        readyAt: 0,
        ttlAt: Infinity,
        error: undefined,
        lease: undefined,
      }
      task.entries.push(entry)
      this.again(entry, spec.delayMs)
    }
    return 'accepted'
  }

  #refusal(route: string, spec: TaskSpec<string>): SendResult | undefined {
    const groups = this.subscribed(route)
    if (!spec.waitForWorkers && !groups.has(spec.workgroup)) return 'workers-none'
    const busy = new Set(this.openEntries().map((entry) => entry.task.route))
    if (!busy.has(route) && busy.size >= this.limits.maxRoutes) return 'routes-full'
    for (const workgroup of groups.add(spec.workgroup)) {
      if (this.waiting(route, workgroup).length >= this.limits.maxQueued) return 'queue-full'
    }
    return this.bytes() + spec.bytes > this.limits.maxBytes ? 'bytes-full' : undefined
  }

  dropLetter(): void {
    check(this.letters.length > 0, 'no dead letter to drop')
    this.letters.shift()
    this.counts.dropped++
  }

  again(entry: ModelEntry, delayMs: number): void {
    if (delayMs > 0) {
      entry.state = 'delayed'
      entry.readyAt = this.now + delayMs
    } else this.ready(entry)
  }

  ready(entry: ModelEntry): void {
    entry.state = 'ready'
    entry.readySince = this.step
    entry.rank = entry.attempt > 0 ? -this.step : this.step
    entry.ttlAt =
      entry.attempt === 0 && entry.task.spec.ttlMs > 0 ? this.now + entry.task.spec.ttlMs : Infinity
  }

  /** Takes a lease out of its consumer's hands. */
  drop(lease: ModelLease): void {
    this.leases.delete(lease.seen.id)
    lease.consumer.held.delete(lease)
    lease.entry.lease = undefined
  }

  /** A delivery failed: ready again, or allowed to end. */
  fail(entry: ModelEntry, delayMs: number): void {
    entry.failures++
    if (entry.failures < entry.task.spec.attempts) this.again(entry, delayMs)
    else this.allowed.add(entry)
  }

  heard(owner: string, lease: ModelLease | undefined): void {
    for (const consumer of this.consumers) {
      if (lease === undefined ? consumer.owner === owner : consumer === lease.consumer)
        consumer.isSuspect = false
    }
  }

  closeConsumer(consumer: ModelConsumer): void {
    if (!consumer.isOpen) return
    consumer.isOpen = false
    const { filter, workgroup } = consumer
    if (
      this.consumers.some((other) => other.isOpen && other.filter === filter && other.workgroup === workgroup)
    )
      return
    this.vacant.set(`${filter} ${workgroup}`, slot(this.now + this.limits.groupTtlMs))
    if (this.vacant.size > this.limits.maxRoutes)
      for (const oldest of this.vacant.keys()) return void this.vacant.delete(oldest)
  }

  poolUsed(consumer: ModelConsumer): number {
    if (consumer.pool === undefined) return 0
    const members = this.consumers.filter(
      (other) => other.owner === consumer.owner && other.pool === consumer.pool,
    )
    return members.reduce((sum, member) => sum + member.held.size, 0)
  }

  canTake(consumer: ModelConsumer, entry: ModelEntry): boolean {
    if (
      !consumer.isOpen ||
      consumer.workgroup !== entry.workgroup ||
      !matchFilter(consumer.filter, entry.task.route)
    )
      return false
    if (consumer.isSuspect || consumer.held.size >= consumer.credit) return false
    if (consumer.pool === undefined) return true
    return this.poolUsed(consumer) < (this.poolCredit.get(`${consumer.owner} ${consumer.pool}`) ?? 0)
  }

  /** Judges one effect, and takes note of it. */
  observe(effect: Effect, isTick: boolean): void {
    if (effect.kind === 'deliver') this.#deliver(effect.lease, isTick)
    else if (effect.kind === 'revoke') this.#revoke(effect, isTick)
    else if (effect.kind === 'settled') this.#settled.push(effect)
    else if (effect.kind === 'completed') this.#completed(effect, isTick)
    else this.#buried(effect)
  }

  #deliver(seen: Lease<string, string>, isTick: boolean): void {
    const task = this.find(seen.route, seen.tid)
    const entry = task?.entries.find((candidate) => candidate.workgroup === seen.workgroup)
    check(entry !== undefined, `delivered ${seen.tid}, which is not known`)
    const isDue = isTick && entry.state === 'delayed' && slot(entry.readyAt) <= this.now
    check(entry.state === 'ready' || isDue, `delivered ${seen.tid}, which is ${entry.state}`)
    if (isDue) this.ready(entry)
    check(seen.id > this.#lastLease, 'a lease id was used twice')
    this.#lastLease = seen.id
    check(seen.attempt === entry.attempt + 1, 'the fence must grow by one')
    check(seen.body === entry.task.spec.body, 'the body was changed')
    const consumer = this.consumers.find((candidate) => candidate.id === seen.consumer)
    check(consumer !== undefined && consumer.owner === seen.owner, 'delivered to nobody')
    check(
      this.canTake(consumer, entry),
      `delivered to consumer ${consumer.id}, which has no credit or does not match`,
    )
    this.#checkOrder(entry, isTick)
    this.#checkChoice(consumer, entry)
    entry.attempt++
    if (entry.attempt > 1) this.counts.redelivered++
    entry.state = 'leased'
    const lease = { seen, entry, consumer, expiresAt: this.now + consumer.leaseMs }
    entry.lease = lease
    consumer.held.add(lease)
    this.leases.set(seen.id, lease)
  }

  #checkOrder(entry: ModelEntry, isTick: boolean): void {
    for (const other of this.waiting(entry.task.route, entry.workgroup)) {
      if (other === entry || other.state !== 'ready') continue
      // Within one tick things become ready one after the other, in an order that the model does not know.
      if (isTick && (other.readySince === this.step || entry.readySince === this.step)) continue
      const [mine, its] = [entry.task.spec.priority, other.task.spec.priority]
      check(its <= mine, 'a higher priority was passed over')
      check(its < mine || other.rank >= entry.rank, 'an earlier task of the same priority was passed over')
    }
  }

  #checkChoice(consumer: ModelConsumer, entry: ModelEntry): void {
    for (const other of this.consumers) {
      if (other === consumer || this.#isExempt(other) || !this.canTake(other, entry)) continue
      if (this.policy !== 'most-credit') continue
      // Consumers of one pool are one worker: which of them is woken first does not matter.
      if (consumer.pool !== undefined && other.owner === consumer.owner && other.pool === consumer.pool)
        continue
      check(
        other.credit - other.held.size <= consumer.credit - consumer.held.size,
        'not the consumer with most spare credit',
      )
    }
  }

  /** A task that returns is offered to others before the credit of its last holder, and of the holder's pool, is there again. */
  #isExempt(consumer: ModelConsumer): boolean {
    for (const exempt of this.exempt) {
      if (consumer === exempt) return true
      if (exempt.pool !== undefined && consumer.owner === exempt.owner && consumer.pool === exempt.pool)
        return true
    }
    return false
  }

  #revoke(effect: Extract<Effect, { kind: 'revoke' }>, isTick: boolean): void {
    const lease = this.leases.get(effect.lease.id)
    check(lease !== undefined && lease.seen === effect.lease, 'revoked a lease that nobody holds')
    const { entry, consumer } = lease
    this.drop(lease)
    this.exempt.add(consumer)
    if (effect.reason === 'lease-lost') {
      check(isTick && slot(lease.expiresAt) <= this.now, 'a lease was lost early')
      if (consumer.isOpen) consumer.isSuspect = true
      this.counts.lost++
      this.fail(entry, 0)
    } else if (effect.reason === 'deadline') {
      check(isTick && slot(entry.task.deadlineAt) <= this.now, 'a deadline came early')
      this.allowed.add(entry)
    } else check(this.allowed.has(entry), 'revoked as cancelled without a cancel')
  }

  #completed(effect: Extract<Effect, { kind: 'completed' }>, isTick: boolean): void {
    const { settlement } = effect
    const entry = this.find(effect.route, settlement.tid)?.entries.find(
      ({ workgroup }) => workgroup === effect.workgroup,
    )
    check(
      entry !== undefined && entry.state !== 'done',
      `${settlement.tid} ended twice in ${effect.workgroup}`,
    )
    const { task } = entry
    check(settlement.attempt === entry.attempt, 'ended under another attempt')
    if (!this.allowed.has(entry)) {
      const due =
        settlement.reason === 'deadline'
          ? task.deadlineAt
          : settlement.reason === 'queue-ttl'
            ? entry.ttlAt
            : Infinity
      check(isTick && slot(due) <= this.now, `${settlement.tid} ended early or without a cause`)
      check(settlement.outcome === 'expired', 'expired under another name')
    }
    check(
      (settlement.reason === 'attempts-exhausted') ===
        (settlement.reason !== undefined && entry.failures >= task.spec.attempts),
      'exhausted or not',
    )
    if (settlement.reason === 'attempts-exhausted')
      check(settlement.lastError === entry.error, 'another error than the last')
    entry.state = 'done'
    if (effect.workgroup === task.spec.workgroup) this.#end(task, settlement)
    if (task.isOutlived && task.entries.every(({ state }) => state === 'done')) this.#forget(task)
  }

  #end(task: ModelTask, settlement: Settlement<string>): void {
    check(task.settlement === undefined, 'settled twice')
    task.settlement = settlement
    const told = this.#settled.map(({ watcher }) => watcher)
    check(
      JSON.stringify(told) === JSON.stringify(task.watchers),
      `told ${told.join()}, watched by ${task.watchers.join()}`,
    )
    check(
      this.#settled.every((effect) => effect.settlement === settlement),
      'told another settlement',
    )
    this.#settled = []
    task.watchers = []
    this.counts[settlement.outcome]++
    task.forgetAt = slot(this.now + this.limits.resultTtlMs)
    this.results.push(task)
    while (this.results.length > this.limits.maxResults) this.#outlive(this.results.shift() as ModelTask)
  }

  #outlive(task: ModelTask): void {
    if (task.entries.some(({ state }) => state !== 'done')) task.isOutlived = true
    else this.#forget(task)
  }

  #forget(task: ModelTask): void {
    this.tasks.splice(this.tasks.indexOf(task), 1)
  }

  #buried(effect: Extract<Effect, { kind: 'deadLettered' }>): void {
    const { route, workgroup, tid } = effect.letter
    const entry = this.find(route, tid)?.entries.find((candidate) => candidate.workgroup === workgroup)
    check(entry !== undefined && this.allowed.has(entry), 'a dead letter out of nothing')
    const same = this.letters.findIndex(
      (letter) => letter.route === route && letter.workgroup === workgroup && letter.tid === tid,
    )
    if (same >= 0) {
      this.letters.splice(same, 1)
      this.counts.dropped++
    }
    if (this.letters.length >= this.limits.maxDeadLetters) this.dropLetter()
    this.letters.push({ route, workgroup, tid, bytes: entry.task.spec.bytes })
  }

  /** A watcher of a task that is over is told at once. */
  expectTold(watcher: string, task: ModelTask | undefined): void {
    const told = this.#settled
    this.#settled = []
    if (task?.settlement === undefined) return check(told.length === 0, 'told of an open task')
    check(
      told.length === 1 && told[0]?.watcher === watcher && told[0].settlement === task.settlement,
      'not told what is remembered',
    )
  }

  /** After a tick: nothing that was due is left, and what a tick does silently is done here too. */
  afterTick(): void {
    for (const entry of this.openEntries()) {
      check(slot(entry.task.deadlineAt) > this.now, 'a deadline was missed')
      if (entry.state === 'delayed' && slot(entry.readyAt) <= this.now) this.ready(entry)
      if (entry.state === 'ready') check(slot(entry.ttlAt) > this.now, 'a time to live was missed')
    }
    for (const lease of this.leases.values())
      check(slot(lease.expiresAt) > this.now, 'the end of a lease was missed')
    while (this.results[0] !== undefined && this.results[0].forgetAt <= this.now)
      this.#outlive(this.results.shift() as ModelTask)
    for (const [key, until] of this.vacant) if (until <= this.now) this.vacant.delete(key)
  }

  /** When the engine has something to do: it may ask for a tick earlier, never later. */
  nextDue(): number {
    let due = Infinity
    for (const entry of this.openEntries()) {
      due = Math.min(due, entry.task.deadlineAt)
      if (entry.state === 'delayed') due = Math.min(due, entry.readyAt)
      if (entry.state === 'ready') due = Math.min(due, entry.ttlAt)
    }
    for (const lease of this.leases.values()) due = Math.min(due, lease.expiresAt)
    for (const task of this.results) due = Math.min(due, task.forgetAt)
    for (const until of this.vacant.values()) due = Math.min(due, until)
    return slot(due)
  }

  /** Between commands: nothing waits for a consumer that could take it, and the counts agree. */
  checkRest(stats: EngineStats): void {
    check(this.#settled.length === 0, 'somebody was told of nothing')
    const open = this.openEntries()
    for (const entry of open) {
      if (entry.state !== 'ready') continue
      check(
        !this.consumers.some((consumer) => this.canTake(consumer, entry)),
        `${entry.task.spec.tid} waits beside a free consumer`,
      )
    }
    const { counts } = this
    const count = (state: ModelEntry['state']): number => open.filter((entry) => entry.state === state).length
    const expected: Partial<EngineStats> = {
      queued: count('ready'),
      delayed: count('delayed'),
      leased: count('leased'),
      consumers: this.consumers.filter(({ isOpen }) => isOpen).length,
      results: this.results.length,
      deadLetters: this.letters.length,
      bytes: this.bytes() + this.letters.reduce((sum, letter) => sum + letter.bytes, 0),
      accepted: counts.accepted,
      succeeded: counts.succeed,
      failed: counts.failed,
      cancelled: counts.cancelled,
      expired: counts.expired,
      open: counts.accepted - counts.succeed - counts.failed - counts.cancelled - counts.expired,
      deduplicated: counts.deduplicated,
      refused: counts.refused,
      redelivered: counts.redelivered,
      leasesLost: counts.lost,
      deadLettersDropped: counts.dropped,
    }
    for (const [name, value] of Object.entries(expected)) {
      const actual = stats[name as keyof EngineStats]
      check(actual === value, `${name} is ${actual}, and should be ${value}`)
    }
    check(stats.routes <= this.limits.maxRoutes, 'too many routes')
    const named = open.filter((entry) => entry.workgroup === entry.task.spec.workgroup)
    check(named.length === stats.open, 'the ledger does not close')
  }
}
