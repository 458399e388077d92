import type { Endpoint } from '../backends/endpoint.ts'
import type { LoadDistribution } from './distribution.ts'

const bounds = [1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000]

/** Prometheus text format 0.0.4; times in seconds, as its users expect. */
export function prometheusText(
  distribution: LoadDistribution,
  endpoints: readonly Endpoint[],
  measures: boolean,
): string {
  const lines: string[] = []
  const family = (name: string, type: string, help: string): void => {
    lines.push(`# HELP aether_lb_${name} ${help}`, `# TYPE aether_lb_${name} ${type}`)
  }
  const globals = [
    ['requests_total', 'counter', 'Requests that were routed or picked for.', distribution.requests],
    ['retries_total', 'counter', 'Attempts after a failed one.', distribution.retries],
    ['hedges_total', 'counter', 'Attempts beside a slow one.', distribution.hedges],
    ['limited_total', 'counter', 'Requests refused by rate limits.', distribution.limited],
    ['shed_total', 'counter', 'Requests refused by the queue.', distribution.shed],
    ['unavailable_total', 'counter', 'Requests without a backend.', distribution.unavailable],
    ['queued', 'gauge', 'Requests that wait.', distribution.queued],
    ['panic', 'gauge', 'Whether a priority level is in panic.', distribution.isPanic ? 1 : 0],
  ] as const
  for (const [name, type, help, value] of globals) {
    family(name, type, help)
    lines.push(`aether_lb_${name} ${value}`)
  }
  const perBackend = [
    ['backend_active', 'gauge', 'Requests under way.', (each: Endpoint) => each.active],
    ['backend_attempts_total', 'counter', 'Attempts.', (each: Endpoint) => each.total],
    ['backend_ok_total', 'counter', 'Attempts that succeeded.', (each: Endpoint) => each.succeeded],
    ['backend_failed_total', 'counter', 'Attempts that failed.', (each: Endpoint) => each.failed],
    ['backend_cancelled_total', 'counter', 'Attempts given up.', (each: Endpoint) => each.cancelled],
    ['backend_up', 'gauge', 'Whether it takes requests.', (each: Endpoint) => (each.isUp ? 1 : 0)],
  ] as const
  for (const [name, type, help, read] of perBackend) {
    family(name, type, help)
    for (const each of endpoints) lines.push(`aether_lb_${name}{${labels(each)}} ${read(each)}`)
  }
  family('backend_state', 'gauge', 'Health and breaker, 1 for the state it is in.')
  for (const each of endpoints)
    lines.push(
      `aether_lb_backend_state{${labels(each)},health="${each.health}",breaker="${each.breaker.state}"} 1`,
    )
  if (measures) addLatencies(lines, endpoints, family)
  return `${lines.join('\n')}\n`
}

function addLatencies(
  lines: string[],
  endpoints: readonly Endpoint[],
  family: (name: string, type: string, help: string) => void,
): void {
  family('backend_latency_seconds', 'histogram', 'Latency of attempts that succeeded.')
  for (const each of endpoints) {
    const name = 'aether_lb_backend_latency_seconds'
    for (const bound of bounds)
      lines.push(`${name}_bucket{${labels(each)},le="${bound / 1_000}"} ${each.histogram.countUpTo(bound)}`)
    lines.push(
      `${name}_bucket{${labels(each)},le="+Inf"} ${each.histogram.count}`,
      `${name}_sum{${labels(each)}} ${each.histogram.sumMs / 1_000}`,
      `${name}_count{${labels(each)}} ${each.histogram.count}`,
    )
  }
}

function labels(endpoint: Endpoint): string {
  const zone = endpoint.zone === undefined ? '' : `,zone="${escape(endpoint.zone)}"`
  return `backend="${escape(endpoint.id)}"${zone}`
}

function escape(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}
