import type { Attempt, Backend, Balancer, LbRequest } from '../../src/index.ts'
import { type Clock, steady } from '../../src/clock.ts'

/** What the model remembers of one backend. */
interface Known {
  /** Slots that are held there, by the count of those who hold them. */
  held: number
  failedChecks: number
  passedChecks: number
  isUnhealthy: boolean
  /** Attempts under way that were let through as probes of the present half-open state. */
  probes: Set<object>
}

/** One request from its call to its end. */
export interface Routed {
  readonly request: LbRequest
  readonly dueAt: number
  readonly tried: Set<Backend>
  /** Attempts that are under way. */
  readonly underWay: Set<Attempt>
}

export interface ModelOptions {
  readonly unhealthyThreshold: number
  readonly healthyThreshold: number
  readonly halfOpenMaxCalls: number
  readonly panicThreshold: number
  /** 0 where sessions do not stick. */
  readonly sessionTtlMs: number
}

/** A timeout may be a tick of the wheel late, and a moment more where the tick is no whole number. */
const tickMs = 6

/**
 * Knows on its own who may take a request: from the answers that it saw checks give, from the drains that it was told of, from the attempts under way and
 * the sessions that it counts itself, and from the rule of priority levels worked out anew. Whatever the balancer does otherwise is a violation.
 */
export class ChaosModel {
  readonly violations: string[] = []
  readonly open = new Set<Routed>()
  picks = 0
  picksInPanic = 0
  probesSeen = 0
  private readonly backends = new Map<Backend, Known>()
  /** Where sessions were, and until when they may be led there. */
  private readonly homes = new Map<string, Map<Backend, number>>()
  /** Those that were there at the last `check`. */
  private settled: ReadonlySet<Backend> = new Set()
  /** The algorithm at the last `check`. */
  private before = ''
  private readonly lb: Balancer
  private readonly clock: Clock
  private readonly options: ModelOptions

  constructor(lb: Balancer, clock: Clock, options: ModelOptions) {
    this.lb = lb
    this.clock = steady(clock)
    this.options = options
  }

  now(): number {
    return this.clock.monotonic()
  }

  known(backend: Backend): Known {
    let known = this.backends.get(backend)
    if (known === undefined) {
      known = { held: 0, failedChecks: 0, passedChecks: 0, isUnhealthy: false, probes: new Set() }
      this.backends.set(backend, known)
    }
    return known
  }

  /** An active check of this backend has said so. */
  onCheck(backend: Backend, passed: boolean): void {
    const known = this.known(backend)
    known.failedChecks = passed ? 0 : known.failedChecks + 1
    known.passedChecks = passed ? known.passedChecks + 1 : 0
    if (known.failedChecks >= this.options.unhealthyThreshold) known.isUnhealthy = true
    if (known.passedChecks >= this.options.healthyThreshold) known.isUnhealthy = false
  }

  /** A slot of this backend was given for this request. Returns what to call when it is given back. */
  onPick(backend: Backend, request: LbRequest, tried: Set<Backend>): () => void {
    const known = this.known(backend)
    this.picks++
    known.held++
    const reason = this.objection(backend, request, tried)
    if (reason !== undefined) this.fail(`picked ${backend.id}, ${reason}`)
    if (backend.active > backend.maxConnections)
      this.fail(`${backend.id} has ${backend.active} requests and ${backend.maxConnections} slots`)
    tried.add(backend)
    // One that is only busy stays the home of a session whose requests go elsewhere meanwhile.
    this.renew(request, this.now()).set(backend, this.now() + this.options.sessionTtlMs)
    const slot = {}
    if (backend.breakerState === 'half-open') {
      this.probesSeen++
      known.probes.add(slot)
      if (known.probes.size > this.options.halfOpenMaxCalls)
        this.fail(`${known.probes.size} probes at a time at ${backend.id}`)
    } else known.probes.clear()
    let isHeld = true
    return () => {
      if (!isHeld) return
      isHeld = false
      known.held--
      known.probes.delete(slot)
    }
  }

  /** The same for an attempt of `route`, which ends with its promise or with its signal, whichever is first. */
  onAttempt(attempt: Attempt, routed: Routed): () => void {
    const { backend, signal } = attempt
    if (!this.open.has(routed)) this.fail(`an attempt at ${backend.id} for a request that was over`)
    if (this.now() > routed.dueAt + tickMs) this.fail(`an attempt at ${backend.id} past the deadline`)
    const giveBack = this.onPick(backend, routed.request, routed.tried)
    routed.underWay.add(attempt)
    const end = (): void => {
      routed.underWay.delete(attempt)
      giveBack()
    }
    signal.addEventListener('abort', end, { once: true })
    return end
  }

  /** `code` where it was refused or failed. */
  onSettled(routed: Routed, code: string | undefined): void {
    this.open.delete(routed)
    // A session is not silent that gets no slot.
    const { dueAt, request } = routed
    if (code !== 'ERR_AETHER_RATE_LIMITED')
      this.renew(request, Math.min(this.now(), dueAt - (request.timeoutMs ?? 0)))
    for (const { backend } of routed.underWay)
      this.fail(`request ${routed.request.id} is over, its attempt at ${backend.id} is not`)
    if (code !== 'ERR_AETHER_BACKENDS_NONE' && code !== 'ERR_AETHER_BREAKER_OPEN') return
    const fit = this.lb.backends.find(
      (backend) =>
        // One that joined this very moment came after the balancer had said so: promises tell it a little later.
        this.settled.has(backend) &&
        !backend.isDraining &&
        // The same goes for an algorithm that came this very moment.
        !cannotDo(backend, routed.request, this.before) &&
        this.objection(backend, routed.request, routed.tried) === undefined,
    )
    if (fit !== undefined) this.fail(`${code} though ${fit.id} would take it`)
  }

  /** What must hold whenever nothing is about to happen. */
  check(queueLimit: number): void {
    const now = this.now()
    this.settled = new Set(this.lb.backends)
    this.before = this.algorithm
    for (const { dueAt, request } of this.open)
      if (now > dueAt + tickMs)
        this.fail(
          `request ${request.id} is open ${now - dueAt} ms past its deadline of ${request.timeoutMs} ms`,
        )
    for (const [backend, { held, isUnhealthy }] of this.backends) {
      if (backend.active !== held)
        this.fail(`${backend.id} says ${backend.active} slots are held, it is ${held}`)
      if (this.lb.backends.includes(backend) && isUnhealthy !== (backend.health === 'unhealthy'))
        this.fail(`${backend.id} is ${backend.health}, its checks say ${isUnhealthy ? 'down' : 'up'}`)
    }
    const { queued, active } = this.lb.getLoadDistribution()
    const held = [...this.backends.values()].reduce((sum, each) => sum + each.held, 0)
    if (active !== held) this.fail(`the balancer counts ${active} slots, it is ${held}`)
    if (queued > queueLimit) this.fail(`${queued} wait`)
  }

  /** The homes of the session of this request, those of them kept that were its homes when it came. */
  private renew({ sessionId }: LbRequest, cameAt: number): Map<Backend, number> {
    const homes =
      (sessionId === undefined ? undefined : this.homes.get(sessionId)) ?? new Map<Backend, number>()
    if (sessionId !== undefined) this.homes.set(sessionId, homes)
    for (const [home, until] of homes)
      if (until > cameAt) homes.set(home, this.now() + this.options.sessionTtlMs)
    return homes
  }

  private fail(violation: string): void {
    if (this.violations.length < 10) this.violations.push(`${violation} (at ${this.now().toFixed(0)} ms)`)
  }

  /** Why this backend must not have this request, if it must not. */
  private objection(backend: Backend, request: LbRequest, tried: ReadonlySet<Backend>): string | undefined {
    if (!this.lb.backends.includes(backend)) return 'which is gone'
    if (tried.has(backend)) return 'which had it already'
    if (backend.breakerState === 'open') return 'whose breaker is open'
    const algorithm = request.workload === undefined ? '' : this.algorithm
    if (cannotDo(backend, request, algorithm)) return 'which cannot do it'
    const homes = request.sessionId === undefined ? undefined : this.homes.get(request.sessionId)
    const isHome = (homes?.get(backend) ?? 0) > this.now()
    if (backend.isDraining && !(isHome && this.isUp(backend))) return 'which drains'
    if (this.isUp(backend)) return undefined
    if (!this.isPanic(backend)) return backend.isEjected ? 'which is ejected' : 'which is unhealthy'
    this.picksInPanic++
    return undefined
  }

  private get algorithm(): string {
    return this.lb.getLoadDistribution().algorithm
  }

  private isUp(backend: Backend): boolean {
    return !this.known(backend).isUnhealthy && !backend.isEjected && backend.breakerState !== 'open'
  }

  /** Whether the level of this backend is in panic: all levels together carry less than everything, and of its own too few are up. */
  private isPanic({ priority }: Backend): boolean {
    const isFlat = this.algorithm === 'quantum-aware'
    const levels = new Map<number, { total: number; up: number }>()
    for (const backend of this.lb.backends) {
      if (backend.isDraining) continue
      const key = isFlat ? 0 : backend.priority
      const level = levels.get(key) ?? { total: 0, up: 0 }
      level.total++
      if (this.isUp(backend)) level.up++
      levels.set(key, level)
    }
    const carried = [...levels.values()].reduce(
      (sum, { total, up }) => sum + Math.min(100, Math.floor((140 * up) / total + 1e-9)),
      0,
    )
    const own = levels.get(isFlat ? 0 : priority)
    return carried < 100 && own !== undefined && own.up / own.total < this.options.panicThreshold
  }
}

function cannotDo(
  { capabilities }: Backend,
  { requires = [], workload }: LbRequest,
  algorithm: string,
): boolean {
  const isQuantum = algorithm === 'quantum-aware' && workload === 'quantum_simulation'
  return [...requires, ...(isQuantum ? ['quantum'] : [])].some((each) => !capabilities.includes(each))
}
