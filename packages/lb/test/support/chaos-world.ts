import {
  algorithmNames,
  type Algorithm,
  type Attempt,
  type Backend,
  type Balancer,
  type BalancerOptions,
  createBalancer,
  type Lease,
  type LbRequest,
  type ProbeResult,
  seededRandom,
} from '../../src/index.ts'
import { ChaosClock } from './chaos-clock.ts'
import { ChaosModel, type ModelOptions, type Routed } from './chaos-model.ts'

/** What a backend is really like, whatever the balancer knows of it. */
type Fate = 'fine' | 'dead' | 'slow' | 'stalled' | 'failing' | 'flapping'

const fates: readonly Fate[] = ['dead', 'slow', 'stalled', 'failing', 'flapping']
const algorithms: readonly Algorithm[] = [...algorithmNames, { name: 'maglev', boundedLoad: 1.25 }]
export const queueLimit = 50
export const floodThreshold = 200

const known: Omit<ModelOptions, 'sessionTtlMs'> = {
  unhealthyThreshold: 2,
  healthyThreshold: 2,
  halfOpenMaxCalls: 2,
  panicThreshold: 0.5,
}
const sessionTtlMs = 60_000

function sticks(seed: number): boolean {
  return seed % 2 === 0
}

/** A balancer with most of what it has, in a world where everything goes wrong now and then; the same seed makes the same world. */
export class ChaosWorld {
  readonly clock = new ChaosClock()
  readonly lb: Balancer
  readonly model: ChaosModel
  readonly happened: Record<string, number> = {}
  /** How requests ended: `ok`, or the code. */
  readonly ended: Record<string, number> = {}
  readonly random: () => number
  readonly everyone = new Set<Backend>()
  private readonly fate = new Map<string, Fate>()
  private readonly leases: (() => void)[] = []
  private addresses: readonly string[] = ['10.1.0.1', '10.1.0.2']
  private next = 0
  private isOpen = false

  constructor(seed: number) {
    this.random = seededRandom(seed)
    this.lb = createBalancer(this.options(seed))
    this.model = new ChaosModel(this.lb, this.clock, {
      ...known,
      sessionTtlMs: sticks(seed) ? sessionTtlMs : 0,
    })
  }

  async open(): Promise<void> {
    for (let index = 0; index < 10; index++) this.join()
    await this.lb.addName({ host: 'name', port: 80, maxConnections: 8, refreshMs: 20_000 })
    this.isOpen = true
    this.lb.start()
  }

  below(count: number): number {
    return Math.floor(this.random() * count)
  }

  /** One request by `route`, now and then given up by its caller. */
  route(more: LbRequest = {}): Routed {
    const stop = new AbortController()
    if (this.random() < 0.03) this.clock.setTimer(() => stop.abort(new Error('left')), this.random() * 800)
    const request: LbRequest = {
      id: `r${this.next++}`,
      idempotent: this.random() < 0.7,
      signal: stop.signal,
      timeoutMs: 200 + this.below(1_800),
      priority: this.below(3),
      key: `k${this.below(100)}`,
      clientIp: `10.0.0.${this.below(200)}`,
      ...(this.random() < 0.3 && { sessionId: `s${this.below(40)}` }),
      ...(this.random() < 0.1 && { requires: ['gpu'] }),
      ...(this.random() < 0.1 && { workload: 'quantum_simulation' }),
      ...more,
    }
    const routed: Routed = {
      request,
      dueAt: this.model.now() + request.timeoutMs!,
      tried: new Set(),
      underWay: new Set(),
    }
    this.model.open.add(routed)
    const settle = (code: string | undefined): void => {
      this.model.onSettled(routed, code)
      this.ended[code ?? 'ok'] = (this.ended[code ?? 'ok'] ?? 0) + 1
    }
    this.lb
      .route(request, (attempt) => this.serve(attempt, routed))
      .then(
        () => settle(undefined),
        (error: { readonly code?: string }) => settle(error.code ?? 'left'),
      )
    return routed
  }

  /** One slot taken by `pick`, given back later, now and then twice. */
  pick(): void {
    const request: LbRequest = this.random() < 0.3 ? { sessionId: `s${this.below(40)}` } : {}
    let lease: Lease
    try {
      lease = this.lb.pick(request)
    } catch (error) {
      this.model.onSettled(
        { request, dueAt: Infinity, tried: new Set(), underWay: new Set() },
        (error as { readonly code: string }).code,
      )
      return
    }
    const end = this.model.onPick(lease.backend, request, new Set())
    const done = (): void => {
      end()
      lease.done((['ok', 'failed', 'cancelled'] as const)[this.below(3)])
      if (this.random() < 0.2) lease.done('failed')
    }
    this.leases.push(done)
    this.clock.setTimer(done, this.random() * 3_000)
  }

  /** One thing that goes wrong, or is changed. */
  mishap(): void {
    const mishaps: Readonly<Record<string, () => void>> = {
      fate: () => this.strike(),
      join: () => this.lb.backends.length < 18 && this.join(),
      leave: () => this.leave(),
      drain: () => this.drain(),
      update: () => this.update(),
      algorithm: () => this.lb.configureAlgorithm(algorithms[this.below(algorithms.length)]!),
      resolve: () => this.rename(),
      clock: () => this.stepBack(),
      flood: () => this.flood(),
      watch: () => void [this.lb.metrics(), this.lb.explain(), this.lb.groups()],
      check: () => void this.lb.checkHealth(this.any().id),
    }
    const names = Object.keys(mishaps)
    // Backends that fail are the most frequent of all.
    const name = this.random() < 0.4 ? 'fate' : names[this.below(names.length)]!
    this.happened[name] = (this.happened[name] ?? 0) + 1
    mishaps[name]!()
  }

  /** Everyone is well again, every lease comes back. */
  calm(): void {
    this.fate.clear()
    for (const done of this.leases.splice(0)) done()
  }

  get resolved(): readonly string[] {
    return this.addresses
  }

  private options(seed: number): BalancerOptions {
    return {
      clock: this.clock,
      random: seededRandom(seed + 1_000),
      algorithm: algorithms[seed % algorithms.length]!,
      resolve: async () => {
        if (this.isOpen && this.random() < 0.2) throw new Error('SERVFAIL')
        return this.addresses
      },
      healthCheck: {
        probe: (backend, signal) => this.probe(backend, signal),
        unhealthyThreshold: known.unhealthyThreshold,
        healthyThreshold: known.healthyThreshold,
        intervalMs: 3_000,
        timeoutMs: 1_000,
      },
      breaker: { timeoutMs: 4_000, halfOpenMaxCalls: known.halfOpenMaxCalls },
      outlier: { sweepMs: 5_000, baseEjectionMs: 8_000 },
      queue: { limit: queueLimit },
      requestTimeoutMs: 2_000,
      attemptTimeoutMs: 500,
      drainTimeoutMs: 5_000,
      rateLimit: { floodThreshold, floodBanMs: 3_000 },
      ...(sticks(seed) && { affinity: { by: 'session', ttlMs: sessionTtlMs } }),
      ...(seed % 3 === 0 && { concurrency: { min: 20, max: 100 } }),
      ...(seed % 3 !== 1 && { hedge: { initialMs: 80 } }),
      ...(seed % 4 !== 1 && { slowStart: { windowMs: 10_000 } }),
      ...(seed % 5 !== 1 && { zone: 'z0' }),
    }
  }

  private any(): Backend {
    return this.lb.backends[this.below(this.lb.backends.length)]!
  }

  private join(): void {
    const index = this.next++
    this.lb.add({
      id: `b${index}`,
      host: 'h',
      port: 1,
      zone: `z${index % 3}`,
      maxConnections: 4 + this.below(8),
      priority: index % 4 === 3 ? 0 : 1,
      capabilities: index % 2 === 0 ? ['gpu', 'quantum'] : [],
      weight: 0.5 + this.random() * 2,
    })
  }

  /** Those of the name leave with their addresses. */
  private leave(): void {
    const { id } = this.any()
    if (this.lb.backends.length > 8 && !id.startsWith('name/')) this.lb.remove(id)
  }

  private strike(): void {
    const { id } = this.any()
    this.fate.set(id, fates[this.below(fates.length)]!)
    this.clock.setTimer(() => this.fate.delete(id), 3_000 + this.random() * 40_000)
  }

  private drain(): void {
    const { id } = this.any()
    const isThere = (): boolean => this.lb.backends.some((backend) => backend.id === id)
    void this.lb.drain(id).then(() => isThere() && this.random() < 0.8 && this.lb.restore(id))
  }

  private update(): void {
    this.lb.update(this.any().id, {
      weight: 0.1 + this.random() * 5,
      maxConnections: 1 + this.below(12),
      priority: this.below(2),
      capabilities: this.random() < 0.5 ? ['gpu'] : [],
    })
  }

  private rename(): void {
    const size = this.below(4)
    this.addresses = Array.from({ length: size }, () => `10.1.0.${1 + this.below(6)}`)
  }

  private stepBack(): void {
    // Requests read the clock: what it showed just before and after is then the same for the balancer and the model.
    this.route()
    this.clock.stepBack(this.random() * 3_000)
    this.clock.setEpoch((this.random() - 0.5) * 1e7)
    this.route()
  }

  private flood(): void {
    const clientIp = `10.6.6.${this.below(250)}`
    const before = this.ended['ERR_AETHER_RATE_LIMITED'] ?? 0
    const count = floodThreshold + 50
    for (let index = 0; index < count; index++) this.route({ clientIp, timeoutMs: 1_000, idempotent: false })
    this.clock.setTimer(() => {
      const limited = (this.ended['ERR_AETHER_RATE_LIMITED'] ?? 0) - before
      if (limited < 50) this.model.violations.push(`of a flood of ${count} only ${limited} were refused`)
    }, 0)
  }

  private probe(backend: Backend, signal: AbortSignal): ProbeResult | Promise<ProbeResult> {
    const fate = this.fate.get(backend.id) ?? 'fine'
    if (fate === 'stalled') {
      // A check that hangs has failed once it is given up.
      signal.addEventListener('abort', () => this.model.onCheck(backend, false), { once: true })
      return new Promise(() => {})
    }
    const passed = fate === 'flapping' ? this.random() < 0.5 : fate !== 'dead'
    this.model.onCheck(backend, passed)
    if (!passed) throw new Error('refused')
    return fate === 'slow' ? 'degraded' : 'healthy'
  }

  private serve(attempt: Attempt, routed: Routed): unknown {
    const { backend } = attempt
    this.everyone.add(backend)
    const end = this.model.onAttempt(attempt, routed)
    const fate = this.fate.get(backend.id) ?? 'fine'
    if (fate === 'dead') {
      end()
      throw Object.assign(new Error('refused'), { code: 'ECONNREFUSED' })
    }
    if (this.random() < 0.02) {
      end()
      return { status: 200 }
    }
    const serviceMs = -Math.log(1 - this.random()) * (fate === 'slow' ? 250 : 25)
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        end()
        if (fate === 'failing' && this.random() < 0.8) resolve({ status: this.random() < 0.5 ? 503 : 500 })
        else if (this.random() < 0.01) reject(new Error('reset'))
        else resolve({ status: 200 })
      }
      // Half of those who are aborted heed it; the others end when they end, or never.
      if (this.random() < 0.5)
        attempt.signal.addEventListener('abort', () => reject(attempt.signal.reason), { once: true })
      if (fate !== 'stalled') this.clock.setTimer(settle, serviceMs)
    })
  }
}
