import { Counter, Gauge, Histogram as PromHistogram, type MetricValueWithName, Registry } from 'prom-client'
import type { Backend, Health } from '../backends/backend.ts'
import type { Endpoint } from '../backends/endpoint.ts'
import type { Balancer } from '../balancer.ts'
import { checkFields, checkFunction, checkText, show } from '../check-options.ts'
import { LbError } from '../errors.ts'
import type { BreakerState } from '../health/circuit-breaker.ts'
import { reasonText } from '../reason-text.ts'
import type { Counters } from '../requests/router.ts'
import type { BackendLoad, LoadDistribution } from './distribution.ts'

/** Where the metrics of a balancer are registered. */
export interface PrometheusOptions {
  /** Where the metrics go. @default a new one */
  readonly register?: Registry
  /** Begins every name: balancers that share a registry need different ones. @default 'aether_lb_' */
  readonly prefix?: string
}

const labelNames = ['backend', 'zone'] as const
type Label = (typeof labelNames)[number]

const healths: readonly Health[] = ['unknown', 'healthy', 'degraded', 'unhealthy']
const breakerStates: readonly BreakerState[] = ['closed', 'open', 'half-open']

const counters: Readonly<Record<keyof Counters, string>> = {
  requests: 'Requests that were routed or picked for.',
  retries: 'Attempts after a failed one.',
  hedges: 'Attempts beside a slow one.',
  limited: 'Requests refused by rate limits and flood guard.',
  shed: 'Requests refused by the queue.',
  unavailable: 'Requests without a backend.',
}

const gauges: readonly (readonly [string, string, (load: LoadDistribution) => number | undefined])[] = [
  ['active', 'Slots held.', (load) => load.active],
  ['queued', 'Requests that wait for a slot.', (load) => load.queued],
  [
    'concurrency_limit',
    'Requests at a time that adaptive concurrency allows.',
    (load) => load.concurrencyLimit,
  ],
  ['panic', '1 while a priority level is in panic.', (load) => Number(load.isPanic)],
]

const backendGauges: readonly (readonly [string, string, (load: BackendLoad, backend: Backend) => number])[] =
  [
    ['backend_active', 'Requests under way.', (load) => load.active],
    ['backend_sessions', 'Sticky sessions that lead there.', (load) => load.sessions],
    ['backend_weight', 'Weight as it counts now.', (_, backend) => backend.effectiveWeight],
    ['backend_up', '1 while it is fit for traffic.', (_, backend) => Number((backend as Endpoint).isUp)],
    ['backend_draining', '1 while it takes no new requests.', (load) => Number(load.isDraining)],
    ['backend_ejected', '1 while it is ejected as an outlier.', (load) => Number(load.isEjected)],
  ]

/**
 * Metrics of a balancer for Prometheus, by `prom-client`. They are read when they are collected: requests pay nothing for them, and a backend that was removed
 * is gone from them. `ERR_AETHER_OPTIONS_INVALID` where the registry has metrics of these names. `backend` and `zone` are the only labels whose values are not fixed.
 *
 * @example
 * const registry = prometheusMetrics(lb)
 * response.setHeader('content-type', registry.contentType).end(await registry.metrics())
 */
export function prometheusMetrics(balancer: Balancer, options: PrometheusOptions = {}): Registry {
  checkFields(options, 'prometheusMetrics', ['register', 'prefix'])
  const { register = new Registry() } = options
  const prefix = checkText(options.prefix ?? 'aether_lb_', 'prefix')
  checkFunction((register as Partial<Registry> | null)?.registerMetric, 'register.registerMetric')
  const world = { registers: [register], prefix, snapshot: snapshotOf(balancer), balancer }
  try {
    addGlobals(world)
    addBackends(world)
    addLatencies(world)
  } catch (error) {
    // A name that the registry has already, or that Prometheus does not allow.
    throw new LbError('ERR_AETHER_OPTIONS_INVALID', `prefix ${show(prefix)}: ${reasonText(error)}`, {
      cause: error,
    })
  }
  return register
}

interface World {
  readonly registers: Registry[]
  readonly prefix: string
  readonly balancer: Balancer
  readonly snapshot: () => LoadDistribution
}

/** All metrics of one collection are read in one turn, and show the same moment. */
function snapshotOf(balancer: Balancer): () => LoadDistribution {
  let current: LoadDistribution | undefined
  return () => {
    if (current === undefined) {
      current = balancer.getLoadDistribution()
      queueMicrotask(() => (current = undefined))
    }
    return current
  }
}

function addGlobals({ registers, prefix, snapshot }: World): void {
  for (const [name, help] of Object.entries(counters) as [keyof Counters, string][]) {
    new Counter({
      name: `${prefix}${name}_total`,
      help,
      registers,
      collect() {
        this.reset()
        this.inc(snapshot()[name])
      },
    })
  }
  for (const [name, help, read] of gauges) {
    new Gauge({
      name: `${prefix}${name}`,
      help,
      registers,
      // Without it a gauge that was never set would show 0, as if that were the limit.
      labelNames: [] as const,
      collect() {
        const value = read(snapshot())
        if (value === undefined) this.remove()
        else this.set(value)
      },
    })
  }
  new Gauge({
    name: `${prefix}algorithm`,
    help: '1 for the algorithm in use.',
    labelNames: ['name'],
    registers,
    collect() {
      this.reset()
      this.set({ name: snapshot().algorithm }, 1)
    },
  })
}

function addBackends(world: World): void {
  const { registers, prefix } = world
  new Counter({
    name: `${prefix}backend_attempts_total`,
    help: 'Attempts that ended, by outcome: ok, failed, cancelled.',
    labelNames: [...labelNames, 'outcome'],
    registers,
    collect() {
      this.reset()
      for (const { labels, load } of each(world))
        for (const outcome of ['ok', 'failed', 'cancelled'] as const)
          this.inc({ ...labels, outcome }, load[outcome])
    },
  })
  for (const [name, help, read] of backendGauges) {
    new Gauge({
      name: `${prefix}${name}`,
      help,
      labelNames,
      registers,
      collect() {
        this.reset()
        for (const { labels, load, backend } of each(world)) this.set(labels, read(load, backend))
      },
    })
  }
  addStates(world, 'health', healths)
  addStates(world, 'breaker', breakerStates)
}

function addStates(world: World, name: 'health' | 'breaker', states: readonly string[]): void {
  new Gauge({
    name: `${world.prefix}backend_${name}`,
    help: `1 for the state that its ${name} is in, 0 for the others.`,
    labelNames: [...labelNames, 'state'],
    registers: world.registers,
    collect() {
      this.reset()
      for (const { labels, load } of each(world))
        for (const state of states) this.set({ ...labels, state }, Number(load[name] === state))
    },
  })
}

interface Shown {
  readonly backend: Backend
  readonly load: BackendLoad
  readonly labels: Partial<Record<Label, string>>
}

function* each({ balancer, snapshot }: World): Generator<Shown> {
  const { backends } = snapshot()
  for (const backend of balancer.backends) {
    const load = backends[backend.id]
    if (load === undefined) continue
    const { id, zone } = backend
    yield { backend, load, labels: zone === undefined ? { backend: id } : { backend: id, zone } }
  }
}

const boundsMs = [1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000]

/**
 * Shows the histograms that the balancer has anyhow: one of `prom-client` to observe into would cost every request. What a registry needs of a metric is its
 * name and `get`.
 */
function addLatencies(world: World): void {
  const name = `${world.prefix}backend_latency_seconds`
  const help = 'Latency of attempts that succeeded.'
  const shape = new PromHistogram<Label | 'le'>({ name, help, labelNames, registers: [] })
  const metric: Pick<typeof shape, 'get' | 'reset'> & { readonly name: string } = {
    name,
    async get() {
      // Before any wait, as the others do it.
      const values = [...latencyValues(world, name)]
      return { ...(await shape.get()), values }
    },
    reset: () => {},
  }
  for (const register of world.registers) register.registerMetric(metric as unknown as typeof shape)
}

type LatencyValue = MetricValueWithName<Label | 'le'>

function* latencyValues(world: World, name: string): Generator<LatencyValue> {
  for (const { backend, labels } of each(world)) {
    const { latencies } = backend as Endpoint
    if (latencies === undefined) continue
    for (const ms of boundsMs)
      yield {
        metricName: `${name}_bucket`,
        labels: { ...labels, le: ms / 1_000 },
        value: latencies.countUpTo(ms),
      }
    yield { metricName: `${name}_bucket`, labels: { ...labels, le: '+Inf' }, value: latencies.count }
    yield { metricName: `${name}_sum`, labels, value: latencies.sumMs / 1_000 }
    yield { metricName: `${name}_count`, labels, value: latencies.count }
  }
}
