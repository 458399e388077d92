import { createTopicTrie } from '@aether/engine'
import type { Connection } from '../connection/connection.ts'

export type TaskAction = 'status' | 'complete'

interface RouteInterest {
  generation: number
  status: boolean
  complete: boolean
}

const ROUTE_LEVELS = 4
const EVENT_LEVELS = 6
/** Routes whose answer is remembered; past it, all are forgotten and found again. */
const MAX_ROUTES = 10_000

/**
 * Who listens to the events of tasks, `{union}/{job}/{task}/{context}/{tid}/{action}`. Apart from the other subscriptions, so that a task whose events
 * nobody can want costs one lookup, and topics that are used once are not remembered.
 */
export class TaskInterest {
  readonly #trie = createTopicTrie<Connection>({ cacheSize: 0 })
  /** The levels of each filter, and how many connections have it. */
  readonly #filters = new Map<string, { readonly levels: readonly string[]; uses: number }>()
  readonly #routes = new Map<string, RouteInterest>()
  #generation = 1

  add(filter: string, connection: Connection): void {
    const levels = filter.split('/')
    if (!isForEvents(levels)) return
    this.#trie.add(filter, connection)
    const known = this.#filters.get(filter)
    if (known !== undefined) {
      known.uses++
      return
    }
    this.#filters.set(filter, { levels, uses: 1 })
    this.#generation++
  }

  remove(filter: string, connection: Connection): void {
    const known = this.#filters.get(filter)
    if (known === undefined || !this.#trie.remove(filter, connection)) return
    known.uses--
    if (known.uses > 0) return
    this.#filters.delete(filter)
    this.#generation++
  }

  /** Whether some filter may match an event of a task on this route, whatever its tid. */
  wants(route: string, action: TaskAction): boolean {
    if (this.#filters.size === 0) return false
    let interest = this.#routes.get(route)
    if (interest === undefined) {
      if (this.#routes.size >= MAX_ROUTES) this.#routes.clear()
      interest = { generation: 0, status: false, complete: false }
      this.#routes.set(route, interest)
    }
    if (interest.generation !== this.#generation) this.#refresh(interest, route)
    return interest[action]
  }

  match(topic: string): readonly Connection[] {
    return this.#trie.match(topic)
  }

  #refresh(interest: RouteInterest, route: string): void {
    const levels = route.split('/')
    interest.generation = this.#generation
    interest.status = false
    interest.complete = false
    for (const filter of this.#filters.values()) {
      interest.status ||= mayMatch(filter.levels, levels, 'status')
      interest.complete ||= mayMatch(filter.levels, levels, 'complete')
      if (interest.status && interest.complete) return
    }
  }
}

/** Whether a filter can match any event of any task. */
function isForEvents(levels: readonly string[]): boolean {
  if (levels.at(-1) === '#') return levels.length <= EVENT_LEVELS + 1
  const action = levels[EVENT_LEVELS - 1]
  return levels.length === EVENT_LEVELS && (action === '+' || action === 'status' || action === 'complete')
}

function mayMatch(filter: readonly string[], route: readonly string[], action: TaskAction): boolean {
  for (let level = 0; level < filter.length; level++) {
    const want = filter[level]
    if (want === '#') return true
    if (want === '+' || level === ROUTE_LEVELS) continue
    if (want !== (level < ROUTE_LEVELS ? route[level] : action)) return false
  }
  return true
}
