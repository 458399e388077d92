import type { Affinity } from '../affinity/affinity.ts'
import { show } from '../check-options.ts'
import { closedError, duplicateError, LbError } from '../errors.ts'
import { CheckGate } from '../health/check-gate.ts'
import { type BreakerState, CircuitBreaker } from '../health/circuit-breaker.ts'
import { HealthChecker, type HealthStatus } from '../health/health-checker.ts'
import type { OutlierDetector } from '../health/outlier-detector.ts'
import type { EventStream } from '../observe/events.ts'
import type { CheckedOptions } from '../options.ts'
import {
  checkMember,
  groupStatus,
  guardChange,
  guardLeaving,
  type ReplicaStatus,
} from '../scaling/replica-groups.ts'
import type { Selector } from '../selection/selector.ts'
import {
  type BackendChange,
  type BackendOptions,
  checkBackend,
  checkUpdate,
  fieldsOf,
  type Health,
} from './backend.ts'
import { type Drained, type DrainOptions, Drains } from './drains.ts'
import { Endpoint } from './endpoint.ts'

/** Whether a backend may go though its replica group needs it. */
export interface RemoveOptions {
  /** Also where its replica group would then have too few. @default false */
  readonly force?: boolean
}

/** Whether a change may take a backend out of a replica group, or out of a zone, that needs it. */
export interface UpdateOptions {
  /** Also where a replica group would then have too few, or in too few zones. @default false */
  readonly force?: boolean
}

export interface RegistryParts {
  readonly selector: Selector
  readonly affinity: Affinity | undefined
  readonly outliers: OutlierDetector | undefined
  readonly events: EventStream
  /** Backends, health or weights changed: someone who waits may have a place now. */
  readonly onChange: () => void
}

/** The backends: who is there, and what becomes of them. */
export class Registry {
  list: readonly Endpoint[] = []
  isClosed = false
  private readonly byId = new Map<string, Endpoint>()
  private readonly checkers = new Map<Endpoint, HealthChecker>()
  private readonly gate: CheckGate
  private readonly drains: Drains
  private isStarted = false
  private readonly options: CheckedOptions
  private readonly parts: RegistryParts

  constructor(options: CheckedOptions, parts: RegistryParts) {
    this.options = options
    this.parts = parts
    this.gate = new CheckGate(options.healthCheck?.maxConcurrent ?? 0)
    const { clock, drainTimeoutMs } = options
    this.drains = new Drains({
      clock,
      drainTimeoutMs,
      hasUncountedSessions: parts.affinity?.by === 'cookie',
      sweep: () => parts.affinity?.sweep(clock.monotonic()),
    })
  }

  start(): void {
    this.isStarted = true
    const { healthCheck } = this.options
    if (healthCheck === undefined) return
    const { maxConcurrent, intervalMs } = healthCheck
    const stepMs = this.checkers.size > maxConcurrent ? intervalMs / this.checkers.size : 0
    let delayMs = -stepMs
    for (const [endpoint, checker] of this.checkers) {
      endpoint.isChecked = true
      checker.start((delayMs += stepMs))
    }
  }

  close(): void {
    this.isClosed = true
    for (const endpoint of this.list) endpoint.breaker.close()
    for (const checker of this.checkers.values()) checker.close()
    this.drains.close()
  }

  get(id: string): Endpoint {
    const endpoint = this.byId.get(id)
    if (endpoint !== undefined) return endpoint
    throw new LbError('ERR_AETHER_BACKEND_UNKNOWN', `there is no backend ${show(id)}`, {
      detail: { backendId: id },
    })
  }

  has(id: string): boolean {
    return this.byId.has(id)
  }

  add(options: BackendOptions): Endpoint {
    if (this.isClosed) throw closedError()
    const { hashKey, decayMs, breaker, healthCheck, clock, slowStart } = this.options
    const random = this.options.random ?? Math.random
    const endpoint = new Endpoint(this.checkGroup(checkBackend(options)), hashKey, decayMs)
    if (this.byId.has(endpoint.id)) throw duplicateError('backend', endpoint.id)
    let told: BreakerState = 'closed'
    endpoint.breaker = new CircuitBreaker(breaker, clock, (to) => {
      // What still ends there after its removal changes nothing for anyone.
      if (endpoint.isRemoved) return
      // Probes that are waited for no longer make room, and change no state.
      if (to !== told) this.parts.events.emit({ type: 'breaker', backendId: endpoint.id, to })
      told = to
      this.changed()
    })
    // When everything starts at once, everyone is as cold, and holding all back would help nobody.
    if (this.isStarted && slowStart !== undefined) endpoint.warmingSince = clock.monotonic()
    this.byId.set(endpoint.id, endpoint)
    this.setList([...this.list, endpoint])
    this.parts.affinity?.add(endpoint)
    if (healthCheck !== undefined) {
      const onHealth = (before: Health, error: string | undefined): void =>
        this.onHealth(endpoint, before, error)
      const checker = new HealthChecker(endpoint, healthCheck, { clock, random, gate: this.gate, onHealth })
      this.checkers.set(endpoint, checker)
      endpoint.isChecked = this.isStarted
      if (this.isStarted) checker.start()
    }
    this.parts.events.emit({ type: 'backend-added', backendId: endpoint.id })
    return endpoint
  }

  update(id: string, change: BackendChange, options?: UpdateOptions): Endpoint {
    const endpoint = this.get(id)
    this.updateAll([endpoint], change, options)
    return endpoint
  }

  /** All of them or none. */
  updateAll(changing: readonly Endpoint[], change: BackendChange, options: UpdateOptions = {}): void {
    const checked = this.checkGroup(fieldsOf(checkUpdate(change)))
    if (options.force !== true) guardChange(this.options.groups, this.list, { changing, change: checked })
    for (const endpoint of changing) Object.assign(endpoint, checked)
    this.changed()
    for (const { id } of changing) this.parts.events.emit({ type: 'backend-updated', backendId: id })
  }

  /** Gone for new requests at once; those under way end in their own time. */
  remove(id: string, options: RemoveOptions = {}): void {
    const endpoint = this.get(id)
    if (options.force !== true) guardLeaving(this.options.groups, this.list, endpoint)
    endpoint.isRemoved = true
    endpoint.isEligible = false
    // Its requests end outside of any pool: the pool counts those of its members alone.
    endpoint.pool = undefined
    this.byId.delete(id)
    this.setList(this.list.filter((each) => each !== endpoint))
    this.checkers.get(endpoint)?.close()
    this.checkers.delete(endpoint)
    endpoint.breaker.close()
    this.parts.outliers?.forget(endpoint)
    this.parts.affinity?.remove(endpoint)
    this.drains.wake()
    this.parts.events.emit({ type: 'backend-removed', backendId: id })
  }

  /** No new sessions from now on; resolves once requests and sticky sessions have ended, or the time is over. */
  async drain(id: string, options: DrainOptions = {}): Promise<Drained> {
    const endpoint = this.get(id)
    this.drains.timeoutOf(options)
    options.signal?.throwIfAborted()
    if (!endpoint.isDraining) {
      if (options.force !== true) guardLeaving(this.options.groups, this.list, endpoint)
      endpoint.isDraining = true
      this.changed()
      this.parts.events.emit({ type: 'draining', backendId: id })
    }
    const drained = await this.drains.wait(endpoint, options)
    // Who was taken back, or removed in the meantime, is no longer something that drains.
    if (endpoint.isDraining && !endpoint.isRemoved)
      this.parts.events.emit({ type: 'drained', backendId: id, ...drained })
    return drained
  }

  /** Takes a draining backend back. */
  restore(id: string): void {
    const endpoint = this.get(id)
    if (!endpoint.isDraining) return
    endpoint.isDraining = false
    this.drains.wake()
    this.changed()
    this.parts.events.emit({ type: 'restored', backendId: id })
  }

  /** A check now; without active checks, what is known. */
  async check(id: string): Promise<HealthStatus> {
    if (this.isClosed) throw closedError()
    const endpoint = this.get(id)
    const checker = this.checkers.get(endpoint)
    if (checker !== undefined) return checker.checkNow()
    return {
      backendId: id,
      status: endpoint.health,
      consecutiveFailures: 0,
      consecutiveSuccesses: 0,
      responseTimeMs: undefined,
      error: undefined,
      checkedAt: undefined,
    }
  }

  groups(): readonly ReplicaStatus[] {
    return groupStatus(this.options.groups, this.list)
  }

  /** Someone else changed what eligibility follows from. */
  changed(): void {
    this.parts.selector.invalidate()
    this.parts.onChange()
  }

  warm(endpoint: Endpoint): void {
    if (this.options.slowStart !== undefined) endpoint.warmingSince = this.options.clock.monotonic()
  }

  private checkGroup<T extends { readonly group?: string | undefined }>(fields: T): T {
    checkMember(this.options.groups, fields.group)
    return fields
  }

  private onHealth(endpoint: Endpoint, from: Health, error: string | undefined): void {
    if (from === 'unhealthy') this.warm(endpoint)
    const to = endpoint.health
    const why = error === undefined ? {} : { error }
    this.parts.events.emit({ type: 'health', backendId: endpoint.id, from, to, ...why })
    this.changed()
  }

  private setList(list: readonly Endpoint[]): void {
    this.list = list
    this.parts.selector.setEndpoints(list)
    this.parts.onChange()
  }
}
