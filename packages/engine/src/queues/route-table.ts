import type { DispatchPolicy } from '../contract.ts'
import { EngineError } from '../engine-error.ts'
import { Interest } from '../dispatch/interest.ts'
import { matchFilter } from '../topics/match-filter.ts'
import type { ResolvedOptions } from '../options.ts'
import type { Queue } from './queue.ts'
import { Route, Union } from './route.ts'
import { createSelector } from '../dispatch/selector.ts'
import type { Tally } from '../tally.ts'
import { slotMs } from '../timing-wheel.ts'
import { hasWildcard, isFilter, isTopic } from '../topics/topic-names.ts'
import { createTopicTrie } from '../topics/topic-trie.ts'

/** Routes, unions and interests by name, and which interest serves which route's queues. */
export class RouteTable {
  readonly #maxRoutes: number
  readonly #groupTtlMs: number
  readonly #dispatch: DispatchPolicy
  readonly #random: () => number
  readonly #tally: Tally
  readonly #routes = new Map<string, Route>()
  readonly #unions = new Map<string, Union>()
  readonly #interests = new Map<string, Interest>()
  /** Asked once for each new route, so it remembers nothing itself. */
  readonly #filters = createTopicTrie<Interest>({ cacheSize: 0 })
  /** Interests without consumers, longest vacant first: their time is the same for all. */
  readonly #vacant = new Set<Interest>()
  #longestIdle: Route | undefined = undefined
  #latestIdle: Route | undefined = undefined

  constructor(options: ResolvedOptions, tally: Tally) {
    this.#maxRoutes = options.limits.maxRoutes
    this.#groupTtlMs = options.limits.groupTtlMs
    this.#dispatch = options.dispatch
    this.#random = options.random
    this.#tally = tally
  }

  get size(): number {
    return this.#routes.size
  }

  get(name: string): Route | undefined {
    return this.#routes.get(name)
  }

  /** The union of a route's name, known or not. */
  union(route: string): Union | undefined {
    const end = route.indexOf('/')
    return this.#unions.get(end < 0 ? route : route.slice(0, end))
  }

  /**
   * The route of that name, with a queue for each subscribed workgroup. A new one makes room by forgetting the longest idle.
   * Throws `ERR_AETHER_TOPIC_INVALID` for what is no topic.
   */
  open(name: string, workgroup: string, waitForWorkers: boolean): Route | 'workers-none' | 'routes-full' {
    if (!isTopic(name))
      throw new EngineError('ERR_AETHER_TOPIC_INVALID', `not a route: ${JSON.stringify(name)}`, {
        route: name,
      })
    const interests = this.#filters.match(name)
    if (!waitForWorkers && !interests.some((interest) => interest.workgroup === workgroup))
      return 'workers-none'
    if (this.#routes.size >= this.#maxRoutes) {
      const idle = this.#longestIdle
      if (idle === undefined) return 'routes-full'
      this.#forget(idle)
    }
    const route = new Route(name, this.#openUnion(name))
    route.union.routes++
    this.#routes.set(name, route)
    this.#idle(route)
    for (const interest of interests) interest.link(this.openQueue(route, interest.workgroup))
    return route
  }

  openQueue(route: Route, workgroup: string): Queue {
    const before = route.queues.length
    const queue = route.openQueue(workgroup)
    this.#tally.queues += route.queues.length - before
    return queue
  }

  dropQueue(queue: Queue): void {
    if (queue.route.dropQueue(queue)) this.#tally.queues--
  }

  /** The interest of a workgroup in a filter; a new one is tied to the routes it matches. Throws `ERR_AETHER_TOPIC_INVALID`. */
  interest(filter: string, workgroup: string): Interest {
    const key = `${filter}\n${workgroup}`
    let interest = this.#interests.get(key)
    if (interest === undefined) {
      if (!isFilter(filter))
        throw new EngineError('ERR_AETHER_TOPIC_INVALID', `not a route filter: ${JSON.stringify(filter)}`, {
          filter,
        })
      interest = new Interest(filter, workgroup, createSelector(this.#dispatch, this.#random))
      this.#interests.set(key, interest)
      this.#filters.add(filter, interest)
      this.#linkAll(interest)
    }
    interest.consumers++
    this.#vacant.delete(interest)
    return interest
  }

  /** A consumer of this interest closed; the last one leaves it subscribed for a while. */
  leave(interest: Interest, now: number): void {
    if (--interest.consumers > 0) return
    interest.vacantUntil = Math.ceil((now + this.#groupTtlMs) / slotMs) * slotMs
    this.#vacant.add(interest)
    // A flood of short-lived groups is bounded like the routes.
    if (this.#vacant.size > this.#maxRoutes) for (const oldest of this.#vacant) return this.#drop(oldest)
    if (this.#groupTtlMs === 0) this.#drop(interest)
  }

  /** Ends the subscription of groups that have been vacant long enough. */
  expire(now: number): void {
    for (const interest of this.#vacant) {
      if (interest.vacantUntil > now) return
      this.#drop(interest)
    }
  }

  nextAt(): number {
    for (const interest of this.#vacant) return interest.vacantUntil
    return Infinity
  }

  /** A route has one more open task. */
  busy(route: Route): void {
    if (route.open++ > 0) return
    const { prevIdle, nextIdle } = route
    if (prevIdle === undefined) this.#longestIdle = nextIdle
    else prevIdle.nextIdle = nextIdle
    if (nextIdle === undefined) this.#latestIdle = prevIdle
    else nextIdle.prevIdle = prevIdle
    route.prevIdle = undefined
    route.nextIdle = undefined
  }

  /** A route has one open task less. */
  rest(route: Route): void {
    if (--route.open === 0) this.#idle(route)
  }

  /** A union without tasks and routes goes. */
  settleUnion(union: Union): void {
    if (union.routes === 0 && union.tasks.size === 0) this.#unions.delete(union.name)
  }

  #openUnion(route: string): Union {
    const end = route.indexOf('/')
    const name = end < 0 ? route : route.slice(0, end)
    let union = this.#unions.get(name)
    if (union === undefined) this.#unions.set(name, (union = new Union(name)))
    return union
  }

  #linkAll(interest: Interest): void {
    if (hasWildcard(interest.filter)) {
      for (const route of this.#routes.values()) {
        if (matchFilter(interest.filter, route.name)) interest.link(this.openQueue(route, interest.workgroup))
      }
      return
    }
    const route = this.#routes.get(interest.filter)
    if (route !== undefined) interest.link(this.openQueue(route, interest.workgroup))
  }

  #drop(interest: Interest): void {
    this.#vacant.delete(interest)
    this.#interests.delete(`${interest.filter}\n${interest.workgroup}`)
    this.#filters.remove(interest.filter, interest)
    for (let link = interest.links.at(-1); link !== undefined; link = interest.links.at(-1)) {
      interest.unlink(link)
      this.dropQueue(link.queue)
    }
  }

  #idle(route: Route): void {
    const latest = this.#latestIdle
    route.prevIdle = latest
    if (latest === undefined) this.#longestIdle = route
    else latest.nextIdle = route
    this.#latestIdle = route
  }

  #forget(route: Route): void {
    // Out of the idle list as if it were busy: it is gone either way.
    this.busy(route)
    this.#routes.delete(route.name)
    for (let queue = route.queues.at(-1); queue !== undefined; queue = route.queues.at(-1)) {
      for (let link = queue.links.at(-1); link !== undefined; link = queue.links.at(-1))
        link.interest.unlink(link)
      this.dropQueue(queue)
    }
    route.union.routes--
    this.settleUnion(route.union)
  }
}
