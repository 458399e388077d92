import { Affinity } from './affinity/affinity.ts'
import type { Backend, BackendChange, BackendOptions } from './backends/backend.ts'
import type { NamedBackends, NameOptions } from './backends/named-backends.ts'
import { Names } from './backends/names.ts'
import { systemResolve } from './backends/resolve.ts'
import type { Drained, DrainOptions } from './backends/drains.ts'
import { Registry, type RemoveOptions, type UpdateOptions } from './backends/registry.ts'
import type { Balancer, CloseOptions } from './balancer.ts'
import { checkCount } from './check-options.ts'
import { steady, type Timer } from './clock.ts'
import type { Operation, OperationResult } from './control/operation.ts'
import { RemoteLeases } from './control/remote-leases.ts'
import { closedError } from './errors.ts'
import type { HealthStatus } from './health/health-checker.ts'
import { OutlierDetector } from './health/outlier-detector.ts'
import { RateLimiter } from './limits/rate-limiter.ts'
import { type LoadDistribution, LoadObserver } from './observe/distribution.ts'
import { log, logEvent } from './observe/event-log.ts'
import { EventStream, type LbEvent } from './observe/events.ts'
import { type BalancerOptions, type CheckedOptions, checkOptions } from './options.ts'
import { Dice } from './random.ts'
import type { Lease } from './requests/lease.ts'
import type { LbRequest } from './requests/request.ts'
import type { Call, RouteResult } from './requests/call.ts'
import { Router } from './requests/router.ts'
import { untilIdle } from './requests/until-idle.ts'
import type { AutoscaleOptions } from './scaling/autoscale-options.ts'
import type { Autoscaling, Scaler } from './scaling/autoscaler.ts'
import type { ReplicaStatus } from './scaling/replica-groups.ts'
import { Scalings } from './scaling/scalings.ts'
import type { PickExplanation } from './selection/pick-trace.ts'
import { Selector } from './selection/selector.ts'
import { type Algorithm, strategyFactory } from './strategies/algorithm.ts'

const emptyRequest: LbRequest = {}
const sweepMs = 1_000

class LoadBalancer implements Balancer {
  private state: 'idle' | 'running' | 'closing' | 'closed' = 'idle'
  private closing: Promise<void> | undefined = undefined
  private readonly hurry = new AbortController()
  private algorithm: string
  private sweeping: Timer | undefined = undefined
  private readonly options: CheckedOptions
  private readonly selector: Selector
  private readonly registry: Registry
  private readonly router: Router
  private readonly affinity: Affinity | undefined
  private readonly outliers: OutlierDetector | undefined
  private readonly stream: EventStream
  private readonly observer: LoadObserver
  private readonly names: Names
  private readonly scalings: Scalings
  private registered: Promise<{ metrics(): Promise<string> }> | undefined = undefined
  private readonly remote: RemoteLeases

  constructor(given: BalancerOptions) {
    const checked = checkOptions(given)
    const clock = steady(checked.clock)
    const dice = new Dice(checked.random)
    const random = (): number => dice.unit()
    this.options = { ...checked, clock }
    const makeStrategy = strategyFactory(checked.algorithm)
    this.algorithm = makeStrategy().name
    this.stream = new EventStream({ now: () => clock.now(), onEvent: (event) => this.onEvent(event) })
    this.affinity = checked.affinity && new Affinity(checked.affinity)
    this.selector = new Selector(
      makeStrategy,
      { ...checked, explainLimit: checked.explain },
      { clock, dice, onPanic: (isPanic) => this.stream.emit({ type: 'panic', isPanic }) },
    )
    const endpoints = (): Registry['list'] => this.registry.list
    this.outliers = checked.outlier && this.detectOutliers(checked.outlier, random)
    const { selector, affinity, outliers, stream: events } = this
    const { resolve = systemResolve, metrics: measures } = checked
    this.registry = new Registry(this.options, {
      selector,
      affinity,
      outliers,
      events,
      onChange: () => this.router.wakeSoon(),
    })
    this.names = new Names({ registry: this.registry, resolve, clock, random, events })
    const onFlood = (client: string): void => events.emit({ type: 'flood', client })
    this.router = new Router(this.options, {
      clock,
      random,
      selector,
      affinity,
      outliers,
      limiter: checked.rateLimit && new RateLimiter(checked.rateLimit, onFlood),
      endpoints,
    })
    const { router } = this
    this.scalings = new Scalings({ clock, events, router, endpoints, measures })
    this.observer = new LoadObserver({
      router,
      selector,
      endpoints,
      algorithm: () => this.algorithm,
      clock,
    })
    this.remote = new RemoteLeases(this.options)
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
    const { length: backends } = this.registry.list
    log(this.options.logger, 'info', 'started', { algorithm: this.algorithm, backends })
  }

  close(options: CloseOptions = {}): Promise<void> {
    const { signal } = options
    // Also of a second call: whoever becomes impatient may say so later.
    if (signal?.aborted === true) this.hurry.abort()
    else
      signal?.addEventListener('abort', () => this.hurry.abort(), { once: true, signal: this.hurry.signal })
    if (this.closing === undefined) {
      let settle: (end: Promise<void>) => void = () => {}
      this.closing = new Promise((resolve) => (settle = resolve))
      // Scalers and checks hear of it in here, and may close it as well: the promise that all share is there by now.
      settle(this.shutDown())
    }
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
    return this.names.add(options)
  }

  update(backendId: string, change: BackendChange, options?: UpdateOptions): Backend {
    return this.registry.update(backendId, change, options)
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
    return this.router.choose(request)
  }

  configureAlgorithm(algorithm: Algorithm): void {
    const makeStrategy = strategyFactory(algorithm)
    this.algorithm = makeStrategy().name
    this.selector.setStrategy(makeStrategy)
    this.router.wakeSoon()
    this.stream.emit({ type: 'algorithm', name: this.algorithm })
  }

  async checkHealth(backendId: string): Promise<HealthStatus> {
    this.assertOpen()
    return this.registry.check(backendId)
  }

  getLoadDistribution(): LoadDistribution {
    return this.observer.read()
  }

  async metrics(): Promise<string> {
    // Only those who ask for text load what writes it.
    this.registered ??= import('./observe/prometheus.ts').then(({ prometheusMetrics }) =>
      prometheusMetrics(this),
    )
    return (await this.registered).metrics()
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
    return this.scalings.start(scaler, options)
  }

  async execute(operation: Operation): Promise<OperationResult> {
    // Only those who are controlled from afar load what checks such data.
    const { execute } = await import('./control/execute.ts')
    const { options, algorithm, remote: leases, stream: events, names, scalings } = this
    const world = { balancer: this, call: options.call, algorithm, leases, events, names, scalings }
    return execute(world, operation)
  }

  private get isClosing(): boolean {
    return this.state === 'closing' || this.state === 'closed'
  }

  private assertOpen(): void {
    if (this.isClosing) throw closedError()
  }

  private onEvent(event: LbEvent): void {
    if (event.type === 'backend-added') this.observer.watch(this.registry.get(event.backendId))
    logEvent(this.options.logger, event)
  }

  private detectOutliers(
    options: NonNullable<CheckedOptions['outlier']>,
    random: () => number,
  ): OutlierDetector {
    return new OutlierDetector(options, {
      clock: this.options.clock,
      random,
      endpoints: () => this.registry.list,
      onEjection: (endpoint, reason) => {
        this.stream.emit({ type: 'ejected', backendId: endpoint.id, reason })
        this.registry.changed()
      },
      onReturn: (endpoint) => {
        this.registry.warm(endpoint)
        this.stream.emit({ type: 'returned', backendId: endpoint.id })
        this.registry.changed()
      },
    })
  }

  private sweepSessions(): void {
    this.sweeping = this.options.clock.setTimer(() => {
      this.affinity?.sweep(this.options.clock.monotonic())
      this.sweepSessions()
    }, sweepMs)
  }

  private async shutDown(): Promise<void> {
    this.state = 'closing'
    this.router.isClosed = true
    this.names.close()
    this.scalings.close()
    this.outliers?.close()
    this.sweeping?.cancel()
    this.registry.close()
    await untilIdle(this.router, { timeoutMs: this.options.drainTimeoutMs, signal: this.hurry.signal })
    const cut = this.router.inFlight
    this.router.failAll(closedError())
    this.remote.close()
    this.router.wheel.close()
    this.selector.close()
    this.stream.close()
    this.state = 'closed'
    // A listener on the caller's signal goes with it.
    this.hurry.abort()
    log(this.options.logger, cut > 0 ? 'warn' : 'info', 'closed', { cut })
  }
}

/** Makes a balancer; `ERR_AETHER_OPTIONS_INVALID` or `ERR_AETHER_ALGORITHM_INVALID` if the options are no good. */
export function createBalancer(options: BalancerOptions = {}): Balancer {
  return new LoadBalancer(options)
}
