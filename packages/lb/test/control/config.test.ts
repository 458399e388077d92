import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { parseConfig, readConfig } from '../../src/control/config.ts'
import { createBalancer, highAvailability, quantumAware } from '../../src/index.ts'
import { checkOptions } from '../../src/options.ts'
import { ManualClock } from '../support/manual-clock.ts'

const code = (name: string) => expect.objectContaining({ code: `ERR_AETHER_${name}` }) as Error
const yaml = readFileSync(new URL('../fixtures/lb.yaml', import.meta.url), 'utf8')

describe('a configuration file', () => {
  it('in the seed’s words becomes options and backends', () => {
    const { options, backends, logging, monitoring } = readConfig(yaml)
    expect(options).toMatchObject({
      algorithm: { name: 'quantum-aware', capabilityWeight: 0.3, latencyWeight: 0.2 },
      healthCheck: { intervalMs: 5_000, timeoutMs: 2_000, unhealthyThreshold: 3, healthyThreshold: 2 },
      breaker: { failureThreshold: 5, successThreshold: 2, timeoutMs: 60_000, halfOpenMaxCalls: 3 },
      rateLimit: { requestsPerSecond: 1_000, burst: 1_500, floodThreshold: 5_000 },
      requestTimeoutMs: 30_000,
      retry: { maxRetries: 3 },
      affinity: { by: 'session' },
      metrics: true,
    })
    expect(backends).toEqual([
      {
        host: 'backend1.omnixan.local',
        port: 8080,
        weight: 1,
        maxConnections: 1_000,
        capabilities: ['quantum'],
        priority: 10,
        metadata: { datacenter: 'us-east-1', rack: 'rack-01' },
      },
      { host: 'backend2.omnixan.local', port: 8080, weight: 0.8, priority: 5 },
    ])
    expect(logging).toEqual({ level: 'INFO' })
    expect(monitoring).toEqual({ metrics_port: 9090 })
    const lb = createBalancer({ ...options, clock: new ManualClock() })
    for (const backend of backends) lb.add(backend)
    expect(lb.choose({ workload: 'quantum_simulation' })!.host).toBe('backend1.omnixan.local')
  })

  it('has the seed’s defaults for all that is left out', () => {
    const checked = checkOptions(parseConfig({}).options)
    expect(checked).toMatchObject({
      healthCheck: { intervalMs: 5_000, timeoutMs: 2_000, unhealthyThreshold: 3, healthyThreshold: 2 },
      breaker: { failureThreshold: 5, successThreshold: 2, timeoutMs: 60_000, halfOpenMaxCalls: 3 },
      rateLimit: { all: { requestsPerSecond: 1_000, burst: 1_500 }, floodThreshold: 5_000 },
      requestTimeoutMs: 30_000,
      retry: { maxRetries: 3 },
      affinity: undefined,
      metrics: true,
    })
    expect(
      parseConfig({ load_balancing: { rate_limit: { enabled: false } } }).options.rateLimit,
    ).toBeUndefined()
  })

  it.each([
    ['round_robin', 'round-robin'],
    ['least_connections', 'least-connections'],
    ['weighted', 'weighted-round-robin'],
    ['quantum_aware', 'quantum-aware'],
    ['ip_hash', 'ip-hash'],
    ['least_latency', 'least-latency'],
    ['peak_ewma', 'peak-ewma'],
  ])('knows %s as %s', (type, name) => {
    expect(parseConfig({ load_balancing: { algorithm: { type } } }).options.algorithm).toEqual({ name })
  })

  it('knows what the seed has not', () => {
    const { options } = parseConfig({
      load_balancing: {
        algorithm: { type: 'ring_hash', config: { bounded_load: 1.25 } },
        health_check: { type: 'http', path: '/up' },
        outlier_detection: { interval: 5 },
        slow_start: { window: 30 },
        groups: { api: { min_healthy: 2 } },
        panic_threshold: 0.3,
        zone: 'a',
      },
    })
    expect(options).toMatchObject({
      algorithm: { name: 'ring-hash', boundedLoad: 1.25 },
      healthCheck: { probe: { path: '/up' } },
      outlier: { sweepMs: 5_000 },
      slowStart: { windowMs: 30_000 },
      groups: { api: { minHealthy: 2 } },
      panicThreshold: 0.3,
      zone: 'a',
    })
  })

  it.each([
    ['no object', 7, 'OPTIONS_INVALID'],
    ['an unknown section', { load_balancer: {} }, 'OPTIONS_INVALID'],
    ['an unknown key', { load_balancing: { retries: 3 } }, 'OPTIONS_INVALID'],
    ['an unknown key deep down', { load_balancing: { health_check: { intervall: 5 } } }, 'OPTIONS_INVALID'],
    ['an unknown algorithm', { load_balancing: { algorithm: { type: 'best' } } }, 'ALGORITHM_INVALID'],
    ['a negative time', { load_balancing: { request_timeout: -1 } }, 'OPTIONS_INVALID'],
    ['a time as text', { load_balancing: { request_timeout: '30s' } }, 'OPTIONS_INVALID'],
    ['a text for a switch', { load_balancing: { session_affinity: 'yes' } }, 'OPTIONS_INVALID'],
    ['backends that are no list', { backends: {} }, 'OPTIONS_INVALID'],
    ['a backend without a host', { backends: [{ port: 1 }] }, 'OPTIONS_INVALID'],
    ['a weight of 0', { backends: [{ host: 'h', port: 1, weight: 0 }] }, 'OPTIONS_INVALID'],
    [
      'a backend twice',
      {
        backends: [
          { host: 'h', port: 1 },
          { host: 'h', port: 1 },
        ],
      },
      'BACKEND_DUPLICATE',
    ],
  ])('is refused with %s', (_, value, problem) => {
    expect(() => parseConfig(value)).toThrow(code(problem))
  })

  it('that is no YAML is refused with its cause', () => {
    expect(() => readConfig('a: [')).toThrow(code('OPTIONS_INVALID'))
  })
})

describe('presets', () => {
  it('are whole: high availability', () => {
    const checked = checkOptions(highAvailability())
    expect(checked).toMatchObject({
      algorithm: 'peak-ewma',
      healthCheck: { intervalMs: 2_000, unhealthyThreshold: 2 },
      outlier: { consecutiveFailures: 5 },
      slowStart: { windowMs: 30_000 },
      hedge: { quantile: 0.95 },
      breaker: { failureThreshold: 3 },
    })
  })

  it('are whole: quantum-aware', () => {
    const lb = createBalancer({ ...quantumAware(), clock: new ManualClock() })
    lb.add({ host: 'classic', port: 1 })
    lb.add({ host: 'qpu', port: 1, capabilities: ['quantum'] })
    const request = { workload: 'quantum_simulation', sessionId: 's' }
    expect(lb.choose(request)!.host).toBe('qpu')
    const lease = lb.pick(request)
    lease.done()
    expect(lb.getLoadDistribution().backends['qpu:1']!.sessions).toBe(1)
  })
})

describe('options', () => {
  it.each([
    { algorithms: 'p2c' },
    { panicThreshold: 1.5 },
    { degradedShare: 0 },
    { requestTimeoutMs: 0 },
    { requestTimeoutMs: Number.NaN },
    { queue: { limit: -1 } },
    { retry: { maxRetries: 1.5 } },
    { retry: { baseMs: 100, maxMs: 10 } },
    { hedge: { quantile: 2 } },
    { concurrency: { min: 10, max: 5 } },
    { slowStart: {} },
    { outlier: { maxEjected: 2 } },
    { zone: '' },
    { judge: 'status' },
    { groups: { api: { minHealthy: -1 } } },
  ])('refuse %j', (options) => {
    expect(() => createBalancer(options as object)).toThrow(code('OPTIONS_INVALID'))
  })
})
