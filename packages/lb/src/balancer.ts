import { Affinity } from './affinity/affinity.ts'
import type { Backend, BackendChange, BackendOptions } from './backends/backend.ts'
import {
  type NamedBackends,
  type NameOptions,
  ResolvedName,
  systemResolve,
} from './backends/named-backends.ts'
import { type Drained, type DrainOptions, Registry, type RemoveOptions } from './backends/registry.ts'
import { checkCount } from './check-options.ts'
import { steady, type Timer } from './clock.ts'
import { closedError } from './errors.ts'
import { execute, type Operation, type OperationResult } from './control/execute.ts'
import { RemoteLeases } from './control/remote-leases.ts'
import type { HealthStatus } from './health/health-checker.ts'
import { OutlierDetector } from './health/outlier-detector.ts'
import { RateLimiter } from './limits/rate-limiter.ts'
import { loadOf, type LoadDistribution } from './observe/distribution.ts'
import { EventStream, type LbEvent } from './observe/events.ts'
import { prometheusText } from './observe/prometheus.ts'
import { type BalancerOptions, type CheckedOptions, checkOptions } from './options.ts'
import { Dice } from './random.ts'
import type { Lease } from './requests/lease.ts'
import type { LbRequest } from './requests/request.ts'
import type { Call, RouteResult } from './requests/route-run.ts'
import { Router } from './requests/router.ts'
import type { ReplicaStatus } from './scaling/replica-groups.ts'
import { type AutoscaleOptions, Autoscaler, type Autoscaling, type Scaler } from './scaling/autoscaler.ts'
import type { PickExplanation } from './selection/pick-trace.ts'
import { Selector } from './selection/selector.ts'
import { type Algorithm, strategyFactory } from './strategies/algorithm.ts'

export interface CloseOptions {
  /** Stops waiting for what is under way: it is aborted. */
  readonly signal?: AbortSignal
}

/** A load balancer. Everything that can fail does so with an `LbError`, whose codes `docs/errors.md` explains. */
export interface Balancer {
  /** Begins health checks, outlier sweeps and session clean-up. Routing works without, judged by traffic alone. */
  start(): void
  /** Takes no more requests, lets those under way end, up to `drainTimeoutMs`; after it nothing of the balancer remains. */
  close(options?: CloseOptions): Promise<void>
  [Symbol.asyncDispose](): Promise<void>

  readonly backends: readonly Backend[]
  /** `ERR_AETHER_OPTIONS_INVALID`, `ERR_AETHER_BACKEND_DUPLICATE`. */
  add(backend: BackendOptions): Backend
  /** One backend for each address of `host`, kept up to date. `ERR_AETHER_BACKENDS_NONE` if it has none. */
  addName(options: NameOptions): Promise<NamedBackends>
  /** Changes a backend in place: what is under way and what is known of it stay. */
  update(backendId: string, change: BackendChange): Backend
  /** `ERR_AETHER_BACKEND_UNKNOWN`; `ERR_AETHER_REPLICAS_SHORT` if its group needs it. */
  remove(backendId: string, options?: RemoveOptions): void
  /** No new requests but those of sticky sessions; resolves when all have ended or the time is over. */
  drain(backendId: string, options?: DrainOptions): Promise<Drained>
  /** Takes a draining backend back. */
  restore(backendId: string): void

  /** Runs `call` at a backend, and again at others where that is safe. Resolves with what it gave. */
  route<T>(request: LbRequest, call: Call<T>): Promise<RouteResult<T>>
  /** A slot for a transport of your own: call `done` on it whatever happens, or declare it with `using`. */
  pick(request?: LbRequest): Lease
  /** The backend a request would go to now, without taking a slot; no limits apply. Allocates nothing. */
  choose(request?: LbRequest): Backend | undefined

  /** Changes the algorithm; what is known of the backends stays. `ERR_AETHER_ALGORITHM_INVALID`. */
  configureAlgorithm(algorithm: Algorithm): void
  /** Checks one backend now. */
  checkHealth(backendId: string): Promise<HealthStatus>
  getLoadDistribution(): LoadDistribution
  /** Prometheus text. */
  metrics(): string
  /** The last picks, the oldest first. */
  explain(): readonly PickExplanation[]
  /** What happens from now on; who reads too slowly loses the oldest of `limit` events. */
  events(options?: { readonly limit?: number }): AsyncIterableIterator<LbEvent>
  /** How the replica groups stand. */
  groups(): readonly ReplicaStatus[]
  /** Keeps a scaler at the number of backends that the load asks for. */
  autoscale(scaler: Scaler, options?: AutoscaleOptions): Autoscaling
  /** Any of these by name, with plain data in and out: for remote control. */
  execute(operation: Operation): Promise<OperationResult>
}

const emptyRequest: LbRequest = {}
const sweepMs = 1_000

class LoadBalancer implements Balancer {
  private state: 'idle' | 'running' | 'closing' | 'closed' = 'idle'
  private closing: Promise<void> | undefined = undefined
  private algorithm: string
  private sweeping: Timer | undefined = undefined
  private readonly options: CheckedOptions
  private readonly selector: Selector
  private readonly registry: Registry
  private readonly router: Router
  private readonly affinity: Affinity | undefined
  private readonly outliers: OutlierDetector | undefined
  private readonly stream = new EventStream()
  private readonly names = new Set<ResolvedName>()
  private readonly scalers = new Set<Autoscaler>()
  private readonly remote: RemoteLeases

  constructor(given: BalancerOptions) {
    const checked = checkOptions(given)
    const clock = steady(checked.clock)
    const dice = new Dice(checked.random)
    const random = (): number => dice.unit()
    this.options = { ...checked, clock }
    this.remote = new RemoteLeases(this.options)
    const makeStrategy = strategyFactory(checked.algorithm)
    this.algorithm = makeStrategy().name
    this.affinity = checked.affinity && new Affinity(checked.affinity)
    this.selector = new Selector(
      makeStrategy,
      { ...checked, explainLimit: checked.explain },
      { clock, dice, onPanic: (isPanic) => this.stream.emit({ type: 'panic', isPanic }) },
    )
    this.outliers =
      checked.outlier &&
      new OutlierDetector(checked.outlier, {
        clock,
        random,
        endpoints: () => this.registry.list,
        onEjection: (endpoint, reason) => {
          this.stream.emit({ type: 'ejected', backendId: endpoint.id, reason })
          checked.logger.warn('ejected', { backendId: endpoint.id, reason })
          this.registry.changed()
        },
        onReturn: (endpoint) => {
          this.registry.warm(endpoint)
          this.stream.emit({ type: 'returned', backendId: endpoint.id })
          this.registry.changed()
        },
      })
    const { selector, affinity, outliers, stream: events } = this
    this.registry = new Registry(this.options, {
      selector,
      affinity,
      outliers,
      events,
      onChange: () => this.router.wakeSoon(),
    })
    this.router = new Router(this.options, {
      clock,
      random,
      selector,
      affinity,
      outliers,
      limiter: checked.rateLimit && new RateLimiter(checked.rateLimit, (client) => this.onFlood(client)),
      endpoints: () => this.registry.list,
    })
  }

  get backends(): readonly Backend[] {
    return this.registry.list
  }

  start(): void {
    if (this.state === 'running') return
    this.assertOpen()
    this.state = 'running'
    this.registry.start()
    this.outliers?.start()
    if (this.affinity !== undefined) this.sweepSessions()
  }

  close(options: CloseOptions = {}): Promise<void> {
    this.closing ??= this.shutDown(options.signal)
    return this.closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  add(backend: BackendOptions): Backend {
    this.assertOpen()
    return this.registry.add(backend)
  }

  async addName(options: NameOptions): Promise<NamedBackends> {
    this.assertOpen()
    const name = new ResolvedName(options, {
      registry: this.registry,
      resolve: this.options.resolve ?? systemResolve,
      clock: this.options.clock,
      events: this.stream,
    })
    this.names.add(name)
    try {
      await name.open()
    } catch (error) {
      this.names.delete(name)
      throw error
    }
    if (this.state === 'closing' || this.state === 'closed') name.close()
    return name
  }

  update(backendId: string, change: BackendChange): Backend {
    return this.registry.update(backendId, change)
  }

  remove(backendId: string, options?: RemoveOptions): void {
    this.registry.remove(backendId, options)
  }

  drain(backendId: string, options?: DrainOptions): Promise<Drained> {
    return this.registry.drain(backendId, options)
  }

  restore(backendId: string): void {
    this.registry.restore(backendId)
  }

  route<T>(request: LbRequest, call: Call<T>): Promise<RouteResult<T>> {
    return this.router.route(request, call)
  }

  pick(request: LbRequest = emptyRequest): Lease {
    return this.router.pick(request)
  }

  choose(request: LbRequest = emptyRequest): Backend | undefined {
    return this.selector.choose(request)
  }

  configureAlgorithm(algorithm: Algorithm): void {
    const makeStrategy = strategyFactory(algorithm)
    this.algorithm = makeStrategy().name
    this.selector.setStrategy(makeStrategy)
    this.router.wakeSoon()
    this.stream.emit({ type: 'algorithm', name: this.algorithm })
  }

  checkHealth(backendId: string): Promise<HealthStatus> {
    return this.registry.check(backendId)
  }

  getLoadDistribution(): LoadDistribution {
    this.selector.refresh()
    const { list } = this.registry
    const total = list.reduce((sum, endpoint) => sum + endpoint.total, 0)
    return {
      ...this.router.counters,
      at: this.options.clock.now(),
      algorithm: this.algorithm,
      active: this.router.inFlight,
      queued: this.router.queue.size,
      concurrencyLimit: this.router.limit?.current,
      isPanic: this.selector.isPanic,
      total,
      backends: Object.fromEntries(
        list.map((endpoint) => [endpoint.id, loadOf(endpoint, total, this.options.metrics)]),
      ),
    }
  }

  metrics(): string {
    return prometheusText(this.getLoadDistribution(), this.registry.list, this.options.metrics)
  }

  explain(): readonly PickExplanation[] {
    return this.selector.explain()
  }

  events(options: { readonly limit?: number } = {}): AsyncIterableIterator<LbEvent> {
    return this.stream.open(checkCount(options.limit ?? 1_000, 'limit'))
  }

  groups(): readonly ReplicaStatus[] {
    return this.registry.groups()
  }

  autoscale(scaler: Scaler, options: AutoscaleOptions = {}): Autoscaling {
    this.assertOpen()
    const autoscaler = new Autoscaler(scaler, options, {
      clock: this.options.clock,
      events: this.stream,
      load: () => this.getLoadDistribution(),
      backends: () => this.registry.list,
      onClose: () => this.scalers.delete(autoscaler),
    })
    this.scalers.add(autoscaler)
    autoscaler.start()
    return autoscaler
  }

  execute(operation: Operation): Promise<OperationResult> {
    return execute({ balancer: this, call: this.options.call, leases: this.remote }, operation)
  }

  private assertOpen(): void {
    if (this.state === 'closing' || this.state === 'closed') throw closedError()
  }

  private onFlood(client: string): void {
    this.stream.emit({ type: 'flood', client })
    this.options.logger.warn('flood', { client })
  }

  private sweepSessions(): void {
    this.sweeping = this.options.clock.setTimer(() => {
      this.affinity?.sweep(this.options.clock.monotonic())
      this.sweepSessions()
    }, sweepMs)
  }

  private async shutDown(signal: AbortSignal | undefined): Promise<void> {
    this.state = 'closing'
    this.router.isClosed = true
    for (const name of this.names) name.close()
    for (const scaler of this.scalers) scaler.close()
    this.outliers?.close()
    this.sweeping?.cancel()
    this.registry.close()
    this.remote.close()
    await this.idle(signal)
    this.router.failAll(closedError())
    this.router.wheel.close()
    this.selector.close()
    this.stream.close()
    this.state = 'closed'
  }

  /** Resolves when no slot is held and nobody waits, when the time is over, or on abort. */
  private idle(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const isIdle = (): boolean => this.router.wheel.pending === 0 && this.router.inFlight === 0
      const end = (): void => {
        timer.cancel()
        this.router.onIdle = undefined
        signal?.removeEventListener('abort', end)
        resolve()
      }
      const timer = this.options.clock.setTimer(end, this.options.drainTimeoutMs)
      signal?.addEventListener('abort', end, { once: true })
      // Runs that pause before a retry hold no slot; their attempts end with an error, and then they are gone too.
      this.router.onIdle = () => queueMicrotask(() => isIdle() && end())
      if (isIdle() || signal?.aborted === true) end()
    })
  }
}

/** Makes a balancer; `ERR_AETHER_OPTIONS_INVALID` or `ERR_AETHER_ALGORITHM_INVALID` if the options are no good. */
export function createBalancer(options: BalancerOptions = {}): Balancer {
  return new LoadBalancer(options)
}
