import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { checkBackend } from '../../src/backends/backend.ts'
import { parseConfig, readConfig } from '../../src/control/config.ts'
import {
  algorithmNames,
  type BalancerOptions,
  createBalancer,
  highAvailability,
  quantumAware,
} from '../../src/index.ts'
import { checkOptions, optionNames } from '../../src/options.ts'
import { ManualClock } from '../support/manual-clock.ts'

const code = (name: string) => expect.objectContaining({ code: `ERR_AETHER_${name}` }) as Error
const everything = readFileSync(new URL('../fixtures/everything.yaml', import.meta.url), 'utf8')
const yaml = readFileSync(new URL('../fixtures/lb.yaml', import.meta.url), 'utf8')

/** Nine lists, each of ten times the one before. */
function bomb(): string {
  const lists = Array.from(
    { length: 9 },
    (_, level) =>
      `  l${level}: &l${level} [${Array.from({ length: 10 }, () => (level === 0 ? 'x' : `*l${level - 1}`)).join(', ')}]`,
  )
  return `logging:\n${lists.join('\n')}\n`
}

const reached: BalancerOptions = {
  algorithm: { name: 'ring-hash', points: 100, boundedLoad: 1.5 },
  healthCheck: {
    probe: {
      path: '/up',
      method: 'HEAD',
      headers: { 'x-probe': 'lb' },
      secure: true,
      ca: 'a certificate',
      statuses: [200, 204],
      degradedHeader: 'x-tired',
    },
    intervalMs: 1_500,
    timeoutMs: 500,
    jitter: 0.2,
    unhealthyThreshold: 4,
    degradedThreshold: 2,
    healthyThreshold: 3,
    degradedMs: 250,
    maxConcurrent: 16,
  },
  breaker: {
    failureThreshold: 6,
    successThreshold: 3,
    timeoutMs: 1_100,
    maxTimeoutMs: 90_000,
    halfOpenMaxCalls: 2,
  },
  rateLimit: {
    requestsPerSecond: 500,
    burst: 700,
    perClient: { requestsPerSecond: 10, burst: 20 },
    floodThreshold: 400,
    floodBanMs: 30_000,
    maxClients: 5_000,
  },
  requestTimeoutMs: 20_000,
  attemptTimeoutMs: 5_000,
  retry: { maxRetries: 2, baseMs: 10, maxMs: 500, budget: 0.1, minConcurrent: 1 },
  hedge: { quantile: 0.9, minMs: 2, initialMs: 50 },
  queue: { limit: 10, targetMs: 7, intervalMs: 70 },
  concurrency: { min: 5, max: 50, initial: 10 },
  affinity: {
    by: 'cookie',
    ttlMs: 60_000,
    maxSessions: 100,
    header: 'x-user',
    cookieName: 'lb',
    secret: 'a secret of some length',
    secure: false,
  },
  outlier: {
    consecutiveFailures: 4,
    sweepMs: 5_000,
    baseEjectionMs: 10_000,
    maxEjectionMs: 100_000,
    jitterMs: 0,
    maxEjected: 0.2,
    deviations: 2,
    minHosts: 3,
    minRequests: 50,
  },
  slowStart: { windowMs: 30_000, aggression: 2, minShare: 0.05 },
  panicThreshold: 0.3,
  degradedShare: 0.4,
  zone: 'a',
  groups: { api: { minHealthy: 2, minZones: 2 } },
  failurePenaltyMs: 2_000,
  decayMs: 5_000,
  metrics: true,
  explain: 32,
  drainTimeoutMs: 15_000,
  hashKey: 7,
}

describe('a configuration file', () => {
  it('in the words of the document becomes options and backends', () => {
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

  it('has the defaults of the document for all that is left out, whatever stands for nothing', () => {
    const written = `
load_balancing:
  algorithm:
  health_check:
  circuit_breaker: {}
  rate_limit:
backends:
`
    for (const options of [readConfig('').options, parseConfig({}).options, readConfig(written).options]) {
      const { healthCheck, breaker, rateLimit, requestTimeoutMs, retry, affinity, metrics } =
        checkOptions(options)
      expect({
        health_check: [
          healthCheck!.intervalMs,
          healthCheck!.timeoutMs,
          healthCheck!.unhealthyThreshold,
          healthCheck!.healthyThreshold,
        ],
        circuit_breaker: [
          breaker.failureThreshold,
          breaker.successThreshold,
          breaker.timeoutMs,
          breaker.halfOpenMaxCalls,
        ],
        rate_limit: [rateLimit!.all, rateLimit!.floodThreshold],
        request_timeout: requestTimeoutMs,
        max_retries: retry.maxRetries,
        session_affinity: affinity,
        metrics_enabled: metrics,
      }).toEqual({
        health_check: [5_000, 2_000, 3, 2],
        circuit_breaker: [5, 2, 60_000, 3],
        rate_limit: [{ requestsPerSecond: 1_000, burst: 1_500 }, 5_000],
        request_timeout: 30_000,
        max_retries: 3,
        session_affinity: undefined,
        metrics_enabled: true,
      })
    }
    expect(checkBackend(parseConfig({ backends: [{ host: 'h', port: 1 }] }).backends[0]!)).toMatchObject({
      weight: 1,
      maxConnections: 1_000,
      priority: 0,
      capabilities: [],
      metadata: {},
    })
  })

  it('turns off what is not enabled, and leaves all else as it is', () => {
    const off = { enabled: false }
    const { options } = parseConfig({
      load_balancing: {
        health_check: off,
        circuit_breaker: off,
        rate_limit: off,
        outlier_detection: off,
        slow_start: { ...off, window: 1 },
        hedge: off,
        concurrency: off,
        session_affinity: false,
        metrics_enabled: false,
      },
    })
    expect(options).toEqual({ breaker: false, metrics: false })
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

  it.each(algorithmNames)('knows the algorithm %s by its name alone', (name) => {
    for (const algorithm of [name, name.toUpperCase().replaceAll('-', '_'), { algorithm_type: name }])
      expect(parseConfig({ load_balancing: { algorithm } }).options.algorithm).toEqual({ name })
  })

  it('reaches every option of a balancer that is not code', () => {
    const { options } = readConfig(everything)
    expect(options).toEqual(reached)
    // Functions, and what a program brings.
    const code = ['judge', 'call', 'resolve', 'logger', 'clock', 'random']
    expect([...Object.keys(options), ...code].toSorted()).toEqual([...optionNames].toSorted())
    const checked = checkOptions(options)
    const reaches = (option: object, of: object | undefined, not: readonly string[] = []): void =>
      expect([...Object.keys(option), ...not].toSorted()).toEqual(Object.keys(of ?? {}).toSorted())
    reaches(options.healthCheck!, checked.healthCheck)
    reaches(options.breaker as object, checked.breaker)
    reaches(options.outlier!, checked.outlier)
    reaches(options.slowStart!, checked.slowStart)
    reaches(options.retry!, checked.retry)
    reaches(options.hedge!, checked.hedge)
    reaches(options.queue!, checked.queue)
    reaches(options.concurrency!, checked.concurrency)
    reaches(options.groups!['api']!, checked.groups.get('api'))
    expect(Object.keys(checked.rateLimit!).toSorted()).toEqual(
      ['all', 'perKey', ...Object.keys(options.rateLimit!)]
        .filter((name) => name !== 'burst' && name !== 'requestsPerSecond')
        .toSorted(),
    )
    expect(Object.keys(checked.affinity!).toSorted()).toEqual(
      Object.keys(options.affinity!)
        .map((name) => (name === 'secret' ? 'secrets' : name))
        .toSorted(),
    )
  })

  it('reaches the options of every algorithm', () => {
    const algorithm = (type: string, config: object) =>
      parseConfig({ load_balancing: { algorithm: { type, config } } }).options.algorithm
    for (const name of ['ip-hash', 'maglev', 'rendezvous', 'ring-hash'])
      expect(algorithm(name, { bounded_load: 1.25 })).toEqual({ name, boundedLoad: 1.25 })
    expect(algorithm('ring_hash', { points: 40 })).toEqual({ name: 'ring-hash', points: 40 })
    const quantum = {
      quantum_weight: 1,
      priority_weight: 2,
      load_weight: 3,
      latency_weight: 4,
      workloads: { annealing: 'annealer' },
    }
    expect(algorithm('quantum_aware', quantum)).toEqual({
      name: 'quantum-aware',
      capabilityWeight: 1,
      priorityWeight: 2,
      loadWeight: 3,
      latencyWeight: 4,
      workloads: { annealing: 'annealer' },
    })
  })

  it('takes session affinity in all its forms', () => {
    const affinity = (session_affinity: unknown) =>
      parseConfig({ load_balancing: { session_affinity } }).options.affinity
    expect(affinity(true)).toEqual({ by: 'session' })
    expect(affinity({ ttl: 60 })).toEqual({ by: 'session', ttlMs: 60_000 })
    expect(affinity({ by: 'client_ip' })).toEqual({ by: 'client-ip' })
    expect(affinity({ by: 'header', header: 'X-User' })).toEqual({ by: 'header', header: 'X-User' })
    expect(affinity({ enabled: false, by: 'hash' })).toBeUndefined()
  })

  it('says of a mistake where it is, what stands there, and what may', () => {
    const messageOf = (text: string): string => {
      try {
        readConfig(text)
      } catch (error) {
        return (error as Error).message
      }
      return 'it was read'
    }
    const section = (lines: string): string => `load_balancing:\n  ${lines.replaceAll('\n', '\n  ')}\n`
    expect(messageOf(section('zone: a\nhealth_check:\n  intervall: 5'))).toMatch(
      /^line 4, column 5: load_balancing\.health_check has an unknown key "intervall", did you mean "interval"\? It may have enabled, type, /,
    )
    expect(messageOf(section('request_timeout: 30s'))).toBe(
      'line 2, column 3: load_balancing.request_timeout must be seconds above 0 and at most 2147483, not "30s"',
    )
    expect(messageOf('backends:\n  - host: a\n    port: 1\n  - host: a\n    port: 70000\n')).toBe(
      'line 5, column 5: backends[1].port must be an integer from 1 to 65535, not 70000',
    )
    expect(messageOf('backends:\n  - port: 1\n')).toBe(
      'line 2, column 5: backends[0].host is missing: it must be a text that is not empty',
    )
    expect(messageOf('backends:\n  - { host: a, port: 1 }\n  - { host: "http://a/", port: 1 }\n')).toBe(
      'line 3, column 5: backends[1].host must be a host name or an address, and nothing else, not "http://a/"',
    )
    expect(messageOf('backends:\n  - { host: "::1", port: 1 }\n  - { host: "[0:0::1]", port: 1 }\n')).toBe(
      'line 3, column 5: backends[1] has the id "[::1]:1" of another one: give it an id of its own',
    )
    expect(messageOf(`${section('groups: { api: {} }')}backends: [{ host: a, port: 1, group: apo }]\n`)).toBe(
      'line 3, column 12: backends[0].group: there is no group "apo": there are api',
    )
    expect(messageOf(Buffer.from('{}') as unknown as string)).toBe('a configuration is a text, not object')
    expect(messageOf(section('session_affinity: yes'))).toBe(
      'line 2, column 3: load_balancing.session_affinity must be true, false or an object, not "yes"',
    )
    expect(messageOf(section('algorithm:\n  type: least_conections'))).toMatch(
      /^line 3, column 5: load_balancing\.algorithm\.type must be one of .*, did you mean "least_connections"\?$/,
    )
    expect(messageOf(section('zone: a\nzone: b'))).toBe(
      'the configuration cannot be read: Map keys must be unique at line 3, column 3',
    )
    expect(messageOf(section('circuit_breaker:\n  timeout: 60\n  max_timeout: 5'))).toBe(
      'load_balancing, as options in milliseconds: breaker.maxTimeoutMs (5000) is less than timeoutMs (60000)',
    )
    // A header may be a secret, and YAML makes a number of one that looks like it.
    expect(messageOf(section('health_check:\n  type: http\n  headers: { x-api-key: 123456789 }'))).toBe(
      'line 4, column 16: load_balancing.health_check.headers.x-api-key must be a text that is not empty',
    )
    expect(
      messageOf(section('health_check:\n  type: http\n  headers: "authorization: Bearer hunter2"')),
    ).toBe('line 4, column 5: load_balancing.health_check.headers must be names with texts')
    // Not even a wrong secret is shown.
    for (const secret of ['hunter2', '1234567', '[hunter2', 'hunter2\n  secret: hunter2']) {
      const message = messageOf(section(`session_affinity:\n  by: cookie\n  secret: ${secret}`))
      expect(message).not.toMatch(/hunter2|1234567/)
      expect(message).not.toBe('it was read')
    }
  })

  it.each([
    ['a tag that would make something', 'backends: !!set {a, b}'],
    ['a tag of JavaScript', 'load_balancing:\n  zone: !!js/function "x"'],
    ['bytes', 'backends:\n  - {host: h, port: 1, metadata: {a: !!binary aGk=}}'],
    ['aliases that stand for a billion', bomb()],
    ['an alias in itself', 'load_balancing: &a\n  groups: *a\n'],
    ['an alias of nothing', 'load_balancing: *a\n'],
    ['two documents', 'backends: []\n---\nbackends: []\n'],
    ['tabs', 'load_balancing:\n\tzone: a'],
    ['a million brackets', '['.repeat(1_000_000)],
    ['a hundred thousand lists in lists', '- '.repeat(100_000)],
    ['more text than any configuration', ' '.repeat(1_048_577)],
    ['a list', '- a'],
    ['a word', 'hello'],
    ['a prototype', 'load_balancing:\n  __proto__: {zone: a}'],
  ])('is refused quickly with %s', (_, text) => {
    const startedAt = performance.now()
    expect(() => readConfig(text)).toThrow(code('OPTIONS_INVALID'))
    expect(performance.now() - startedAt).toBeLessThan(2_000)
  })

  it('reads JSON, and what nests as deep as anybody may want', () => {
    expect(readConfig(JSON.stringify({ load_balancing: { zone: 'a' } })).options.zone).toBe('a')
    const deep = `logging: ${'{a: '.repeat(40)}1${'}'.repeat(40)}`
    expect(Object.keys(readConfig(deep).logging)).toEqual(['a'])
    const twice =
      'backends:\n  - &a {host: h, port: 1, metadata: &m {rack: 1}}\n  - {host: h, port: 2, metadata: *m}\n'
    expect(readConfig(twice).backends[1]!.metadata).toEqual({ rack: 1 })
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
      'a path for a check that has none',
      { load_balancing: { health_check: { path: '/' } } },
      'OPTIONS_INVALID',
    ],
    [
      'points of an algorithm without',
      { load_balancing: { algorithm: { type: 'maglev', config: { points: 1 } } } },
      'ALGORITHM_INVALID',
    ],
    [
      'weights that are all 0',
      {
        load_balancing: {
          algorithm: {
            type: 'quantum_aware',
            config: { quantum_weight: 0, priority_weight: 0, load_weight: 0, latency_weight: 0 },
          },
        },
      },
      'ALGORITHM_INVALID',
    ],
    ['an algorithm that is a number', { load_balancing: { algorithm: 5 } }, 'ALGORITHM_INVALID'],
    ['slow start without a window', { load_balancing: { slow_start: {} } }, 'OPTIONS_INVALID'],
    [
      'a cookie without a secret',
      { load_balancing: { session_affinity: { by: 'cookie' } } },
      'OPTIONS_INVALID',
    ],
    ['a time that is not a number', { load_balancing: { request_timeout: Number.NaN } }, 'OPTIONS_INVALID'],
    ['a time that never ends', { load_balancing: { request_timeout: Infinity } }, 'OPTIONS_INVALID'],
    ['a group that is a number', { load_balancing: { groups: { api: 2 } } }, 'OPTIONS_INVALID'],
    ['a port as text', { backends: [{ host: 'h', port: '80' }] }, 'OPTIONS_INVALID'],
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
