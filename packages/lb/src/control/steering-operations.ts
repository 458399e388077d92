import { LbError } from '../errors.ts'
import type { BackendLoad, LoadDistribution } from '../observe/distribution.ts'
import type { AutoscaleOptions } from '../scaling/autoscale-options.ts'
import type { Scaler } from '../scaling/autoscaler.ts'
import type { AlgorithmOptions } from '../strategies/algorithm.ts'
import type { Balancer } from '../balancer.ts'
import { algorithm } from './algorithm-schema.ts'
import { define, type Run, snake } from './define-operation.ts'
import { count, countOrNone, flag, number, positiveShare, seconds, secondsOrNone, text } from './fields.ts'

/** More than one or two have no use. */
const mostScalings = 16

/** The balancer as a whole: its life, what it shows, and what it follows. */
export const steeringOperations: Readonly<Record<string, Run>> = {
  initialize: define({}, (_, { balancer }) => balancer.start()),
  shutdown: define<{ readonly force?: boolean }>({ force: ['force', flag] }, ({ force }, { balancer }) =>
    balancer.close(force === true ? { signal: AbortSignal.abort() } : {}),
  ),
  configure_algorithm: define<{ readonly algorithm: AlgorithmOptions }>(
    { algorithm: ['algorithm', algorithm, 'required'] },
    (fields, { balancer }) => balancer.configureAlgorithm(fields.algorithm),
  ),
  get_load_distribution: define({}, (_, { balancer }) => ({
    distribution: describe(balancer.getLoadDistribution()),
  })),
  get_metrics: define({}, async (_, { balancer }) => ({ metrics: await balancer.metrics() })),
  explain: define({}, (_, { balancer }) => ({
    picks: balancer.explain().map(({ candidates, excluded, ...pick }) => ({
      ...snake(pick),
      candidates: candidates.map(snake),
      excluded: excluded.map(snake),
    })),
  })),
  get_groups: define({}, (_, { balancer }) => ({ groups: balancer.groups().map(snake) })),
  poll_events: define<{ readonly after?: number; readonly limit?: number }>(
    {
      after: ['after', countOrNone],
      limit: ['limit', number('an integer from 1 to 1000', { min: 1, max: 1_000, integer: true })],
    },
    ({ after = 0, limit = 100 }, { events }) => {
      const entries = events.since(after, limit)
      const first = entries[0]?.sequence ?? after + 1
      return {
        events: entries.map(({ sequence, at, event }) => ({ sequence, at, ...snake(event) })),
        cursor: entries.at(-1)?.sequence ?? after,
        missed: Math.max(0, first - after - 1),
      }
    },
  ),
  start_autoscaling: define<AutoscaleOptions>(
    {
      min: ['min', countOrNone],
      max: ['max', count],
      target_utilisation: ['targetUtilisation', positiveShare],
      target_latency: ['targetLatencyMs', seconds],
      interval: ['intervalMs', seconds],
      scale_out_cooldown: ['scaleOutCooldownMs', secondsOrNone],
      scale_in_cooldown: ['scaleInCooldownMs', secondsOrNone],
    },
    (options, { balancer, scalings }) => {
      if (scalings.size >= mostScalings)
        throw new LbError(
          'ERR_AETHER_OPERATION_INVALID',
          `${mostScalings} autoscalings run: stop one of them first`,
        )
      return { autoscaling: snake(balancer.autoscale(remoteScaler(balancer), options).status()) }
    },
  ),
  get_autoscaling: define({}, (_, { scalings }) => ({
    autoscaling: [...scalings].map((scaling) => snake(scaling.status())),
  })),
  stop_autoscaling: define<{ readonly id: string }>(
    { id: ['id', text, 'required'] },
    ({ id }, { scalings }) => {
      const found = [...scalings].find((scaling) => scaling.id === id)
      if (found === undefined)
        throw new LbError('ERR_AETHER_OPERATION_INVALID', `there is no autoscaling "${id.slice(0, 60)}"`)
      found.close()
    },
  ),
}

/** A scaler whose work the remote caller does: it asks for the number with `get_autoscaling`, and adds and drains backends itself. */
function remoteScaler(balancer: Balancer): Scaler {
  return {
    get count() {
      return balancer.backends.filter((backend) => !backend.isDraining).length
    },
    scale: () => Promise.resolve(),
  }
}

/** In the words of the document. */
function describe(distribution: LoadDistribution): object {
  const { backends, ...global } = distribution
  const loads = Object.entries(backends).map(([id, load]) => [id, describeLoad(load)])
  return { ...describeLoad(global), backends: Object.fromEntries(loads) }
}

function describeLoad(load: Omit<LoadDistribution, 'backends'> | BackendLoad): object {
  const { active, total, ok, failed, meanMs, ...rest } = load
  const { health, breaker, ...others } = snake(rest)
  return {
    ...others,
    active_connections: active,
    total_requests: total,
    successful_requests: ok,
    failed_requests: failed,
    avg_latency_ms: meanMs,
    ...(health !== undefined && { health_status: health, circuit_breaker: breaker }),
  }
}
