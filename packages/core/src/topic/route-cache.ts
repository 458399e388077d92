import { AetherError } from '../errors.ts'
import type { Route } from '../transport.ts'
import { isName } from './names.ts'

/** One `Route` object for each `union/job/task/context`, so that a hot path neither splits nor checks the same text again. */
export interface RouteCache {
  /** The route of a key; `undefined` where it is not four valid names. */
  get(key: string): Route | undefined
  readonly size: number
}

/** Holds at most `max` routes; when full it starts afresh, since all it saves is work. */
export function routeCache(max: number = 4096): RouteCache {
  if (!Number.isSafeInteger(max) || max < 1) {
    throw new AetherError(
      'ERR_AETHER_OPTIONS_INVALID',
      `routeCache: max must be 1 or more, not ${String(max)}`,
    )
  }
  const known = new Map<string, Route>()
  return {
    get size() {
      return known.size
    },
    get(key) {
      const cached = known.get(key)
      if (cached) return cached
      const route = internRoute(key)
      if (!route) return undefined
      if (known.size >= max) known.clear()
      known.set(key, route)
      return route
    },
  }
}

/** Makes the frozen route of a key; `undefined` where it is not four valid names. */
export function internRoute(key: string): Route | undefined {
  const levels = key.split('/')
  if (levels.length !== 4 || !levels.every(isName)) return undefined
  const [union, job, task, context] = levels as [string, string, string, string]
  return Object.freeze({ union, job, task, context })
}
