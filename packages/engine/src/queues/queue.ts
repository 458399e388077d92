import type { Link } from '../dispatch/interest.ts'
import type { Route } from './route.ts'
import type { Entry } from './task.ts'

const priorities = 10

/** The tasks of one route that wait for one workgroup: first in, first out within each priority. */
export class Queue {
  readonly route: Route
  readonly workgroup: string
  /** The interests that serve it; with none, the workgroup is not subscribed. */
  readonly links: Link[] = []
  /** Ready for delivery. */
  backlog = 0
  /** Ready or delayed: what `maxQueued` bounds. */
  waiting = 0
  /** Not over: ready, delayed or leased. */
  open = 0
  /** Where to begin when several interests could take the next task. */
  turn = 0
  readonly #heads: (Entry | undefined)[] = Array.from({ length: priorities }, () => undefined)
  readonly #tails: (Entry | undefined)[] = Array.from({ length: priorities }, () => undefined)
  /** A bit for each priority with entries. */
  #present = 0

  constructor(route: Route, workgroup: string) {
    this.route = route
    this.workgroup = workgroup
  }

  pushBack(entry: Entry): void {
    const level = entry.task.priority
    const tail = this.#tails[level]
    entry.prev = tail
    if (tail === undefined) this.#heads[level] = entry
    else tail.next = entry
    this.#tails[level] = entry
    this.#present |= 1 << level
    this.backlog++
  }

  /** For what was delivered before: it goes ahead of its priority. */
  pushFront(entry: Entry): void {
    const level = entry.task.priority
    const head = this.#heads[level]
    entry.next = head
    if (head === undefined) this.#tails[level] = entry
    else head.prev = entry
    this.#heads[level] = entry
    this.#present |= 1 << level
    this.backlog++
  }

  /** Takes the first of the highest priority. */
  shift(): Entry | undefined {
    if (this.#present === 0) return undefined
    const entry = this.#heads[31 - Math.clz32(this.#present)]
    if (entry !== undefined) this.remove(entry)
    return entry
  }

  remove(entry: Entry): void {
    const level = entry.task.priority
    const { prev, next } = entry
    if (prev === undefined) this.#heads[level] = next
    else prev.next = next
    if (next === undefined) this.#tails[level] = prev
    else next.prev = prev
    if (prev === undefined && next === undefined) this.#present &= ~(1 << level)
    entry.prev = undefined
    entry.next = undefined
    this.backlog--
  }
}
