import { AetherError } from '../errors.ts'
import type { EventAction, EventFilter, Route } from '../transport.ts'
import { checkName, isName } from './names.ts'
import type { RouteCache } from './route-cache.ts'

export type TopicAction = 'perform' | EventAction

const actions: ReadonlySet<string> = new Set<TopicAction>([
  'perform',
  'status',
  'complete',
  'cancel',
  'idle',
  'online',
  'dismiss',
])

export interface ParsedTopic {
  readonly route: Route
  readonly tid: string
  readonly action: TopicAction
}

/** `union/job/task/context`: the key of a route. */
export function routeKey(route: Route): string {
  return `${route.union}/${route.job}/${route.task}/${route.context}`
}

/** Throws `ERR_AETHER_NAME_INVALID` where a level of the route is no name; with `wildcards`, `+` stands for any job, task or context. */
export function checkRoute(route: Route, options: { readonly wildcards?: boolean } = {}): Route {
  checkName('union', route.union)
  for (const level of ['job', 'task', 'context'] as const) {
    if (options.wildcards !== true || route[level] !== '+') checkName(level, route[level])
  }
  return route
}

/** Whether a route is one that is meant by a pattern, whose job, task and context may be `+`. */
export function matchesRoute(pattern: Route, route: Route): boolean {
  if (pattern.union !== route.union) return false
  return (['job', 'task', 'context'] as const).every(
    (level) => pattern[level] === '+' || pattern[level] === route[level],
  )
}

/**
 * `{union}/{job}/{task}/{context}/{tid}/{action}`, as AetherMagic has it. Names are not checked again: this is a hot step, and they were checked where they
 * entered (`checkRoute`, `checkName`).
 */
export function topicOf(route: Route, tid: string, action: TopicAction): string {
  return `${route.union}/${route.job}/${route.task}/${route.context}/${tid}/${action}`
}

/** `$share/{union}_{job}_{workgroup}/{union}/{job}/{task}/{context}/+/perform`: what the workers of one workgroup subscribe to. */
export function sharedTopic(route: Route, workgroup: string): string {
  const job = route.job === '+' ? 'any' : route.job
  return `$share/${route.union}_${job}_${workgroup}/${routeKey(route)}/+/perform`
}

/** The subscription that an event filter means within a union; never matches `perform` alone unless asked for any action. */
export function filterTopic(union: string, filter: EventFilter): string {
  const level = (value: string | undefined): string => value ?? '+'
  return `${union}/${level(filter.job)}/${level(filter.task)}/${level(filter.context)}/${level(filter.tid)}/${level(filter.action)}`
}

/** Takes a topic apart; `undefined` where it is not of our form, as foreign messages are expected on shared engines. */
export function parseTopic(topic: string, routes: RouteCache): ParsedTopic | undefined {
  const actionAt = topic.lastIndexOf('/')
  const tidAt = topic.lastIndexOf('/', actionAt - 1)
  if (actionAt < 0 || tidAt < 0) return undefined
  const action = topic.slice(actionAt + 1)
  const tid = topic.slice(tidAt + 1, actionAt)
  if (!actions.has(action) || !isName(tid)) return undefined
  const route = routes.get(topic.slice(0, tidAt))
  return route && { route, tid, action: action as TopicAction }
}

/** As `parseTopic`, for topics that must be ours: throws `ERR_AETHER_TOPIC_INVALID`. */
export function requireTopic(topic: string, routes: RouteCache): ParsedTopic {
  const parsed = parseTopic(topic, routes)
  if (parsed) return parsed
  const shown = JSON.stringify(topic.slice(0, 200))
  throw new AetherError('ERR_AETHER_TOPIC_INVALID', `${shown} is not union/job/task/context/tid/action`)
}
