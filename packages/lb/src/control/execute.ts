import type { BackendChange } from '../backends/backend.ts'
import type { Balancer } from '../balancer.ts'
import {
  checkBoolean,
  checkFields,
  checkMs,
  checkNumber,
  checkOneOf,
  checkText,
  type Fields,
  show,
} from '../check-options.ts'
import { LbError } from '../errors.ts'
import type { LbRequest } from '../requests/request.ts'
import type { Call } from '../requests/route-run.ts'
import { parseAlgorithm, parseBackend } from './config.ts'
import type { RemoteLeases } from './remote-leases.ts'
import { mapKeys } from './snake-fields.ts'

/** What to do, as plain data: `operation` and the fields that it takes. */
export type Operation = Readonly<Record<string, unknown>>

/** `status: 'success'` and what the operation gives; an operation that fails rejects with its `LbError`. */
export type OperationResult = Readonly<Record<string, unknown>>

export interface ExecuteWorld {
  readonly balancer: Balancer
  /** What `route_request` does with a backend. */
  readonly call: Call<unknown> | undefined
  /** Of `pick_backend`, until `release_backend`. */
  readonly leases: RemoteLeases
}

interface Definition {
  readonly fields: readonly string[]
  readonly run: (fields: Fields, world: ExecuteWorld) => Fields | Promise<Fields>
}

const id = (fields: Fields): string => checkText(fields['backend_id'], 'backend_id')

const operations: Readonly<Record<string, Definition>> = {
  initialize: {
    fields: [],
    run: (_, { balancer }) => {
      balancer.start()
      return {}
    },
  },
  shutdown: {
    fields: [],
    run: async (_, { balancer }) => {
      await balancer.close()
      return {}
    },
  },
  add_backend: {
    fields: ['backend_config'],
    run: ({ backend_config: config }, { balancer }) => ({
      backend_id: balancer.add(parseBackend(config, 'backend_config')).id,
    }),
  },
  add_name: {
    fields: ['backend_config'],
    run: async ({ backend_config: config }, { balancer }) => {
      const { id: _, ...options } = parseBackend(config, 'backend_config')
      const name = await balancer.addName(options)
      return { backend_ids: name.backends.map((backend) => backend.id) }
    },
  },
  update_backend: {
    fields: ['backend_id', 'changes'],
    run: (fields, { balancer }) => ({
      backend_id: balancer.update(id(fields), parseChange(fields['changes'])).id,
    }),
  },
  remove_backend: {
    fields: ['backend_id', 'force'],
    run: (fields, { balancer }) => {
      balancer.remove(id(fields), forced(fields))
      return {}
    },
  },
  drain_backend: {
    fields: ['backend_id', 'force', 'timeout'],
    run: async (fields, { balancer }) => {
      const { timeout } = fields
      const timeoutMs =
        timeout === undefined ? {} : { timeoutMs: checkMs(Number(timeout) * 1_000, 'timeout') }
      return { drained: await balancer.drain(id(fields), { ...forced(fields), ...timeoutMs }) }
    },
  },
  restore_backend: {
    fields: ['backend_id'],
    run: (fields, { balancer }) => {
      balancer.restore(id(fields))
      return {}
    },
  },
  list_backends: {
    fields: [],
    run: (_, { balancer }) => ({ backend_ids: balancer.backends.map((backend) => backend.id) }),
  },
  route_request: { fields: ['request'], run: routeRequest },
  choose_backend: {
    fields: ['request'],
    run: (fields, { balancer }) => ({
      backend_id: balancer.choose(parseRequest(fields['request'] ?? {}))?.id ?? null,
    }),
  },
  pick_backend: { fields: ['request'], run: pickBackend },
  release_backend: { fields: ['lease_id', 'outcome', 'latency_ms'], run: releaseBackend },
  health_check: {
    fields: ['backend_id'],
    run: async (fields, { balancer }) => ({ health: await balancer.checkHealth(id(fields)) }),
  },
  get_load_distribution: {
    fields: [],
    run: (_, { balancer }) => ({ distribution: balancer.getLoadDistribution() }),
  },
  configure_algorithm: {
    fields: ['algorithm'],
    run: (fields, { balancer }) => {
      balancer.configureAlgorithm(parseAlgorithm(fields['algorithm']))
      return {}
    },
  },
  get_metrics: { fields: [], run: (_, { balancer }) => ({ metrics: balancer.metrics() }) },
  explain: { fields: [], run: (_, { balancer }) => ({ picks: balancer.explain() }) },
  get_groups: { fields: [], run: (_, { balancer }) => ({ groups: balancer.groups() }) },
}

export const operationNames: readonly string[] = Object.keys(operations)

/** Checks an operation and does it; `ERR_AETHER_OPERATION_INVALID` where there is none of that name. */
export async function execute(world: ExecuteWorld, operation: Operation): Promise<OperationResult> {
  const name: unknown = (operation as Operation | undefined)?.['operation']
  if (typeof name !== 'string' || !Object.hasOwn(operations, name))
    throw new LbError(
      'ERR_AETHER_OPERATION_INVALID',
      `there is no operation ${show(name)}: there are ${operationNames.join(', ')}`,
    )
  const { fields: known, run } = operations[name] as Definition
  const fields = checkFields(operation, name, ['operation', ...known])
  return { status: 'success', ...(await run(fields, world)) }
}

async function routeRequest(fields: Fields, { balancer, call }: ExecuteWorld): Promise<Fields> {
  if (call === undefined)
    throw new LbError(
      'ERR_AETHER_OPERATION_INVALID',
      'route_request needs to know what to do with a backend: give createBalancer the option call, or use pick_backend',
    )
  const { value, backendId, requestId, latencyMs, attempts } = await balancer.route(
    parseRequest(fields['request'] ?? {}),
    call,
  )
  const { algorithm } = balancer.getLoadDistribution()
  return {
    result: {
      value,
      backend_id: backendId,
      request_id: requestId ?? null,
      latency_ms: latencyMs,
      attempts,
      algorithm_used: algorithm,
    },
  }
}

function pickBackend(fields: Fields, { balancer, leases }: ExecuteWorld): Fields {
  const lease = balancer.pick(parseRequest(fields['request'] ?? {}))
  const { id: backendId, host, port } = lease.backend
  return { lease_id: leases.keep(lease), backend_id: backendId, host, port }
}

function releaseBackend(fields: Fields, { leases }: ExecuteWorld): Fields {
  const leaseId = checkNumber(fields['lease_id'], 'lease_id', { integer: true })
  const outcome = checkOneOf(fields['outcome'] ?? 'ok', 'outcome', ['ok', 'failed', 'cancelled'])
  const latency = fields['latency_ms']
  leases.end(leaseId, outcome, latency === undefined ? undefined : checkNumber(latency, 'latency_ms'))
  return {}
}

function forced(fields: Fields): { readonly force?: boolean } {
  return fields['force'] === undefined ? {} : { force: checkBoolean(fields['force'], 'force') }
}

function parseChange(value: unknown): BackendChange {
  return mapKeys(value, 'changes', {
    weight: 'weight',
    max_connections: 'maxConnections',
    priority: 'priority',
    zone: 'zone',
    group: 'group',
    capabilities: 'capabilities',
    metadata: 'metadata',
  })
}

function parseRequest(value: unknown): LbRequest {
  const request = mapKeys(value, 'request', {
    request_id: 'id',
    client_ip: 'clientIp',
    workload_type: 'workload',
    session_id: 'sessionId',
    key: 'key',
    priority: 'priority',
    idempotent: 'idempotent',
    method: 'method',
    requires: 'requires',
    timeout: ['timeoutMs', 1_000],
  })
  for (const key of ['id', 'clientIp', 'workload', 'sessionId', 'key', 'method'])
    if (request[key] !== undefined) checkText(request[key], `request.${key}`)
  if (request['priority'] !== undefined)
    checkNumber(request['priority'], 'request.priority', { integer: true, max: 7 })
  if (request['idempotent'] !== undefined) checkBoolean(request['idempotent'], 'request.idempotent')
  if (request['timeoutMs'] !== undefined) checkMs(request['timeoutMs'], 'request.timeout')
  if (request['requires'] !== undefined && !Array.isArray(request['requires']))
    throw new LbError('ERR_AETHER_OPTIONS_INVALID', 'request.requires must be an array of texts')
  return request
}
