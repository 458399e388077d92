import type { Backend } from '../backends/backend.ts'

/** What the balancer may know of a request; everything is optional, and only what is given is used. */
export interface LbRequest {
  readonly id?: string
  /** The client's address: for `ip-hash`, limits per client and affinity. */
  readonly clientIp?: string
  /** Places the request under a hash; otherwise its session, then its client does. */
  readonly key?: string
  readonly sessionId?: string
  /** The raw `Cookie` header, for affinity by cookie. */
  readonly cookie?: string
  /** Lower-case names, for affinity by header. */
  readonly headers?: Readonly<Record<string, string | readonly string[] | undefined>>
  /** @default 'classical_compute' */
  readonly workload?: string
  /** Capabilities that the backend must have. */
  readonly requires?: readonly string[]
  /** Of requests that wait in the queue the higher one goes first, 0 to 7; what is beyond counts as the nearest of these. @default 0 */
  readonly priority?: number
  /** An HTTP method; GET, HEAD, OPTIONS, TRACE, PUT and DELETE are idempotent unless `idempotent` says otherwise. */
  readonly method?: string
  /** Whether doing it twice does no harm: only then it is retried after it may have been sent, and hedged. @default by `method`, otherwise false */
  readonly idempotent?: boolean
  /** Longest that all of it may take, from now; a lease of `pick` comes back by itself then. @default the balancer's `requestTimeoutMs`; none for `pick` */
  readonly timeoutMs?: number
  /** Aborts the request; `route` rejects with its reason. */
  readonly signal?: AbortSignal
  /** Backends that must not get it. */
  readonly exclude?: readonly Backend[]
}

const idempotentMethods = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE'])

export function isIdempotent(request: LbRequest): boolean {
  if (request.idempotent !== undefined) return request.idempotent
  return request.method !== undefined && idempotentMethods.has(request.method.toUpperCase())
}
