import * as z from 'zod'
import { LbError } from '../errors.ts'
import type { Outcome } from '../requests/lease.ts'
import type { LbRequest } from '../requests/request.ts'
import { define, type Run } from './define-operation.ts'
import { count, type Field, flag, number, oneOf, seconds, section, text, texts } from './fields.ts'
import type { ControlWorld } from './operation.ts'

/** Backends to leave out are named by their ids. */
type RemoteRequest = Omit<LbRequest, 'signal' | 'exclude'> & { readonly excludeIds?: readonly string[] }

const header = z.union([text, texts], 'a text, or a list of texts')
const headers = z.record(z.string(), header, 'names with values')
const request = section<RemoteRequest>({
  request_id: ['id', text],
  client_ip: ['clientIp', text],
  workload_type: ['workload', text],
  session_id: ['sessionId', text],
  cookie: ['cookie', text],
  headers: ['headers', headers.transform(lowerCase)],
  key: ['key', text],
  priority: ['priority', number('an integer from 0 to 7', { min: 0, max: 7, integer: true })],
  idempotent: ['idempotent', flag],
  method: ['method', text],
  requires: ['requires', texts],
  exclude: ['excludeIds', texts],
  timeout: ['timeoutMs', seconds],
})

interface Requested {
  readonly request?: RemoteRequest
}
const requested: Readonly<Record<string, Field<Requested>>> = { request: ['request', request] }

interface Release {
  readonly leaseId: number
  readonly outcome?: Outcome
  readonly latencyMs?: number
}

/** What becomes of requests. */
export const requestOperations: Readonly<Record<string, Run>> = {
  route_request: define<Requested>(requested, async (fields, world) => {
    const { balancer, call, algorithm } = world
    if (call === undefined)
      throw new LbError(
        'ERR_AETHER_OPERATION_INVALID',
        'route_request needs to know what to do with a backend: give createBalancer the option call, or use pick_backend',
      )
    const result = await balancer.route(requestOf(fields, world), call)
    return {
      result: {
        value: result.value,
        backend_id: result.backendId,
        request_id: result.requestId,
        latency_ms: result.latencyMs,
        attempts: result.attempts,
        is_hedged: result.isHedged,
        set_cookie: result.setCookie,
        algorithm_used: algorithm,
      },
    }
  }),
  choose_backend: define<Requested>(requested, (fields, world) => ({
    backend_id: world.balancer.choose(requestOf(fields, world))?.id ?? null,
  })),
  pick_backend: define<Requested>(requested, (fields, world) => {
    const lease = world.balancer.pick(requestOf(fields, world))
    const { id, host, port } = lease.backend
    return {
      lease_id: world.leases.keep(lease, fields.request?.timeoutMs),
      backend_id: id,
      host,
      port,
      set_cookie: lease.setCookie,
    }
  }),
  release_backend: define<Release>(
    {
      lease_id: ['leaseId', count, 'required'],
      outcome: ['outcome', oneOf(['ok', 'failed', 'cancelled'])],
      latency_ms: ['latencyMs', number('a number from 0', { min: 0 })],
    },
    ({ leaseId, outcome = 'ok', latencyMs }, { leases }) => leases.end(leaseId, outcome, latencyMs),
  ),
}

function requestOf({ request: given = {} }: Requested, { balancer }: ControlWorld): LbRequest {
  const { excludeIds, ...rest } = given
  if (excludeIds === undefined) return rest
  return { ...rest, exclude: balancer.backends.filter(({ id }) => excludeIds.includes(id)) }
}

function lowerCase<T>(given: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(Object.entries(given).map(([name, value]) => [name.toLowerCase(), value]))
}
