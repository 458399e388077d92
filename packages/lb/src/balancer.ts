import type { Backend, BackendChange, BackendOptions } from './backends/backend.ts'
import type { NamedBackends, NameOptions } from './backends/named-backends.ts'
import type { Drained, DrainOptions } from './backends/drains.ts'
import type { RemoveOptions, UpdateOptions } from './backends/registry.ts'
import type { Operation, OperationResult } from './control/operation.ts'
import type { HealthStatus } from './health/health-checker.ts'
import type { LoadDistribution } from './observe/distribution.ts'
import type { LbEvent } from './observe/events.ts'
import type { Lease } from './requests/lease.ts'
import type { LbRequest } from './requests/request.ts'
import type { Call, RouteResult } from './requests/call.ts'
import type { AutoscaleOptions } from './scaling/autoscale-options.ts'
import type { Autoscaling, Scaler } from './scaling/autoscaler.ts'
import type { ReplicaStatus } from './scaling/replica-groups.ts'
import type { PickExplanation } from './selection/pick-trace.ts'
import type { Algorithm } from './strategies/algorithm.ts'

/** How `close` may be cut short. */
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
  /** Changes a backend in place: what is under way and what is known of it stay. `ERR_AETHER_REPLICAS_SHORT` if its group needs it where it is. */
  update(backendId: string, change: BackendChange, options?: UpdateOptions): Backend
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
  /** The backend a request would go to now, without taking a slot; no limits apply. Allocates nothing of its own. */
  choose(request?: LbRequest): Backend | undefined

  /** Changes the algorithm; what is known of the backends stays. `ERR_AETHER_ALGORITHM_INVALID`. */
  configureAlgorithm(algorithm: Algorithm): void
  /** Checks one backend now. */
  checkHealth(backendId: string): Promise<HealthStatus>
  getLoadDistribution(): LoadDistribution
  /** Prometheus text; `@aether/lb/prometheus` puts the same into a registry of yours. */
  metrics(): Promise<string>
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
