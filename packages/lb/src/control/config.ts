import type { BackendOptions } from '../backends/backend.ts'
import { checkBackend } from '../backends/backend.ts'
import { checkBoolean, checkFields, checkOneOf, type Fields, show } from '../check-options.ts'
import { invalidOption, LbError } from '../errors.ts'
import type { RateLimitOptions } from '../limits/rate-limiter.ts'
import { type BalancerOptions, checkOptions } from '../options.ts'
import { type AlgorithmOptions, algorithmNames, strategyFactory } from '../strategies/algorithm.ts'
import { type KeyMap, mapKeys } from './snake-fields.ts'

/** What a configuration file says. */
export interface LbConfig {
  readonly options: BalancerOptions
  readonly backends: readonly BackendOptions[]
  /** For the application: the balancer takes a logger, and has no port of its own. */
  readonly logging: Fields
  readonly monitoring: Fields
}

const second = 1_000

const healthKeys: KeyMap = {
  interval: ['intervalMs', second],
  timeout: ['timeoutMs', second],
  jitter: 'jitter',
  unhealthy_threshold: 'unhealthyThreshold',
  degraded_threshold: 'degradedThreshold',
  healthy_threshold: 'healthyThreshold',
  degraded_after: ['degradedMs', second],
}
const breakerKeys: KeyMap = {
  failure_threshold: 'failureThreshold',
  success_threshold: 'successThreshold',
  timeout: ['timeoutMs', second],
  max_timeout: ['maxTimeoutMs', second],
  half_open_max_calls: 'halfOpenMaxCalls',
}
const outlierKeys: KeyMap = {
  consecutive_failures: 'consecutiveFailures',
  interval: ['sweepMs', second],
  base_ejection_time: ['baseEjectionMs', second],
  max_ejection_time: ['maxEjectionMs', second],
  max_ejected: 'maxEjected',
}
const slowStartKeys: KeyMap = {
  window: ['windowMs', second],
  aggression: 'aggression',
  min_share: 'minShare',
}
const algorithmKeys: KeyMap = {
  quantum_weight: 'capabilityWeight',
  capability_weight: 'capabilityWeight',
  priority_weight: 'priorityWeight',
  load_weight: 'loadWeight',
  latency_weight: 'latencyWeight',
  workloads: 'workloads',
  bounded_load: 'boundedLoad',
  points: 'points',
}
const backendKeys: KeyMap = {
  id: 'id',
  host: 'host',
  port: 'port',
  weight: 'weight',
  max_connections: 'maxConnections',
  priority: 'priority',
  zone: 'zone',
  group: 'group',
  capabilities: 'capabilities',
  metadata: 'metadata',
  quantum_capable: 'quantumCapable',
}
const sections = [
  'algorithm',
  'health_check',
  'circuit_breaker',
  'rate_limit',
  'outlier_detection',
  'slow_start',
  'groups',
  'request_timeout',
  'max_retries',
  'session_affinity',
  'metrics_enabled',
  'panic_threshold',
  'zone',
] as const

/**
 * Options and backends from a configuration as YAML or JSON gives it, in the seed's own words: snake case, seconds. Everything is checked, unknown keys are
 * refused (`ERR_AETHER_OPTIONS_INVALID`, `ERR_AETHER_ALGORITHM_INVALID`), and what is left out is as in the seed.
 */
export function parseConfig(value: unknown): LbConfig {
  const root = checkFields(value ?? {}, 'config', ['load_balancing', 'backends', 'logging', 'monitoring'])
  const options = balancerOptions(root['load_balancing'] ?? {})
  checkOptions(options)
  const list = root['backends'] ?? []
  if (!Array.isArray(list)) throw invalidOption(`backends must be an array, not ${show(list)}`)
  const backends = list.map((each, index) => parseBackend(each, `backends[${index}]`))
  const ids = backends.map((backend) => checkBackend(backend).id)
  const twice = ids.find((id, index) => ids.indexOf(id) !== index)
  if (twice !== undefined)
    throw new LbError('ERR_AETHER_BACKEND_DUPLICATE', `backends has "${twice}" twice`, {
      detail: { backendId: twice },
    })
  return {
    options,
    backends,
    logging: checkFields(root['logging'] ?? {}, 'logging', [
      'level',
      'format',
      'file',
      'max_bytes',
      'backup_count',
    ]),
    monitoring: checkFields(root['monitoring'] ?? {}, 'monitoring', [
      'metrics_port',
      'metrics_path',
      'enable_prometheus',
      'enable_grafana',
    ]),
  }
}

/** The same from a text; `parse` is that of the `yaml` package, or `JSON.parse`. */
export function readConfig(text: string, parse: (text: string) => unknown): LbConfig {
  let value: unknown
  try {
    value = parse(text)
  } catch (error) {
    throw new LbError('ERR_AETHER_OPTIONS_INVALID', 'the configuration cannot be parsed', { cause: error })
  }
  return parseConfig(value)
}

/** A backend in the seed's words. */
export function parseBackend(value: unknown, path: string): BackendOptions {
  const { quantumCapable, ...fields } = mapKeys(value, path, backendKeys)
  if (quantumCapable !== undefined && checkBoolean(quantumCapable, `${path}.quantum_capable`)) {
    const others: unknown = fields['capabilities'] ?? []
    fields['capabilities'] = [...new Set([...(Array.isArray(others) ? others : [others]), 'quantum'])]
  }
  const backend = fields as unknown as BackendOptions
  checkBackend(backend, path)
  return backend
}

/** An algorithm in the seed's words: `{ type, config }`, or its name alone. */
export function parseAlgorithm(value: unknown, path = 'algorithm'): AlgorithmOptions {
  const fields: Fields =
    typeof value === 'string'
      ? { type: value }
      : checkFields(value, path, ['type', 'algorithm_type', 'config'])
  const type = fields['type'] ?? fields['algorithm_type']
  const dashed = typeof type === 'string' ? type.toLowerCase().replaceAll('_', '-') : ''
  const name = dashed === 'weighted' ? 'weighted-round-robin' : dashed
  const known = algorithmNames.find((each) => each === name)
  if (known === undefined)
    throw new LbError(
      'ERR_AETHER_ALGORITHM_INVALID',
      `${path}.type: there is no algorithm ${show(type)}: there are ${algorithmNames.join(', ').replaceAll('-', '_')}`,
    )
  const config = mapKeys(fields['config'] ?? {}, `${path}.config`, algorithmKeys)
  const algorithm: AlgorithmOptions = { name: known, ...config }
  strategyFactory(algorithm)
  return algorithm
}

function balancerOptions(value: unknown): BalancerOptions {
  const section = checkFields(value, 'load_balancing', sections)
  const at = (key: string): string => `load_balancing.${key}`
  // A key without a value in YAML is null: as if it were not there.
  const has = (key: (typeof sections)[number]): boolean => (section[key] ?? undefined) !== undefined
  const map = (key: (typeof sections)[number], keys: KeyMap): Record<string, unknown> =>
    mapKeys(section[key] ?? {}, at(key), keys)
  const rateLimit = parseRateLimit(section['rate_limit'] ?? {}, at('rate_limit'))
  const timeout = section['request_timeout'] ?? 30
  return {
    ...(has('algorithm') && { algorithm: parseAlgorithm(section['algorithm'], at('algorithm')) }),
    healthCheck: parseHealth(section['health_check'] ?? {}, at('health_check')),
    breaker: map('circuit_breaker', breakerKeys),
    ...(rateLimit !== undefined && { rateLimit }),
    ...(has('outlier_detection') && { outlier: map('outlier_detection', outlierKeys) }),
    ...(has('slow_start') && {
      slowStart: map('slow_start', slowStartKeys) as unknown as { windowMs: number },
    }),
    ...(has('groups') && { groups: parseGroups(section['groups']) }),
    ...(has('panic_threshold') && { panicThreshold: section['panic_threshold'] as number }),
    ...(has('zone') && { zone: section['zone'] as string }),
    ...(checkBoolean(section['session_affinity'] ?? false, at('session_affinity')) && {
      affinity: { by: 'session' as const },
    }),
    requestTimeoutMs: (typeof timeout === 'number' ? timeout * second : timeout) as number,
    retry: { maxRetries: (section['max_retries'] ?? 3) as number },
    metrics: checkBoolean(section['metrics_enabled'] ?? true, at('metrics_enabled')),
  }
}

function parseHealth(value: unknown, path: string): NonNullable<BalancerOptions['healthCheck']> {
  const {
    type = 'tcp',
    path: target = '/',
    ...rest
  } = checkFields(value, path, ['type', 'path', ...Object.keys(healthKeys)])
  const kind = checkOneOf(type, `${path}.type`, ['tcp', 'http'])
  return {
    ...mapKeys(rest, path, healthKeys),
    probe: kind === 'tcp' ? 'tcp' : { path: String(target) },
  }
}

function parseRateLimit(value: unknown, path: string): RateLimitOptions | undefined {
  const { enabled = true, ...options } = mapKeys(value, path, {
    enabled: 'enabled',
    requests_per_second: 'requestsPerSecond',
    burst_size: 'burst',
    ddos_threshold: 'floodThreshold',
    ddos_ban: ['floodBanMs', second],
    max_clients: 'maxClients',
  })
  if (!checkBoolean(enabled, `${path}.enabled`)) return undefined
  const requestsPerSecond = options['requestsPerSecond'] ?? 1_000
  // Left out, the burst is the seed's 1500 of 1000, in proportion.
  return { floodThreshold: 5_000, ...options, requestsPerSecond } as RateLimitOptions
}

function parseGroups(value: unknown): NonNullable<BalancerOptions['groups']> {
  const names = typeof value === 'object' && value !== null ? Object.keys(value) : []
  const groups = checkFields(value, 'load_balancing.groups', names)
  return Object.fromEntries(
    Object.entries(groups).map(([name, group]) => [
      name,
      mapKeys(group ?? {}, `load_balancing.groups.${name}`, {
        min_healthy: 'minHealthy',
        min_zones: 'minZones',
      }),
    ]),
  )
}
