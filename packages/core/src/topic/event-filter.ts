import type { AetherEvent, EventFilter } from '../transport.ts'

/** Whether a filter lets an event through; the union is the transport's own. */
export function matchesFilter(filter: EventFilter, event: AetherEvent): boolean {
  return (
    matches(filter.job, event.route.job) &&
    matches(filter.task, event.route.task) &&
    matches(filter.context, event.route.context) &&
    matches(filter.tid, event.tid) &&
    matches(filter.action, event.action)
  )
}

function matches(wanted: string | undefined, actual: string): boolean {
  return wanted === undefined || wanted === '+' || wanted === actual
}
