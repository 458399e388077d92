import {
  type AetherEvent,
  type EventFilter,
  internRoute,
  isName,
  matchesFilter,
  type PresenceEvent,
  type Route,
  routeKey,
} from '@aether/core'

import { tooManyError } from '../errors.ts'

/** A worker that a client announced. */
interface Announced {
  /** Key of the route of its task. */
  readonly route: string
  readonly tid: string
  readonly client: string
  readonly host: string
}

interface Served {
  /** Key of the route, whose levels may be `+`. */
  readonly route: string
  readonly workgroup: string
}

interface Peer {
  readonly workers: readonly Announced[]
  /** Routes and workgroups that it consumes. */
  readonly serves: readonly Served[]
  readonly listens: readonly EventFilter[]
  /** The connection over which it was last heard of. */
  generation: number
}

export interface PresenceBoardOptions {
  /** This instance: its own page is not read back. */
  readonly clientId: string
  readonly union: string
  readonly client: string
  readonly host: string
  /** Retains this instance's page; empty: it has nothing to say any more. */
  readonly publish: (page: Buffer) => Promise<unknown>
  /** A worker is gone without having said so. */
  readonly onDismiss: (event: PresenceEvent) => void
  /** Somebody, here or elsewhere, begins to consume a route for a workgroup. */
  readonly onServed: (route: Route, workgroup: string) => void
  readonly onIgnored: (error: unknown) => void
}

/** Of others; further ones are not read. */
const maxPeers = 10_000
/** Of each list of a page; what claims more is none of ours. */
const maxEntries = 4_096
/** After a reconnection, how long a client may take to show itself again. */
const graceMs = 5_000
const encoder = new TextEncoder()
const noBody = encoder.encode('{}')

/**
 * The retained page of each client: which workers it announced, and what it listens for. Its last will takes the page away, so that the workers of a process
 * that died are seen off at once, and nobody publishes status and completions for listeners that are not there.
 */
export class PresenceBoard {
  readonly #options: PresenceBoardOptions
  readonly #workers = new Map<string, Announced>()
  readonly #serves = new Set<Served>()
  readonly #peers = new Map<string, Peer>()
  #listens: () => readonly EventFilter[] = () => []
  #generation = 0
  #hasPage = false
  #writing:
    | { readonly promise: Promise<void>; readonly run: () => void; readonly immediate: NodeJS.Immediate }
    | undefined
  #graceTimer: NodeJS.Timeout | undefined
  #isClosed = false

  constructor(options: PresenceBoardOptions, listens: () => readonly EventFilter[]) {
    this.#options = options
    this.#listens = listens
  }

  /** Whether anybody, here or elsewhere, listens for such an event. */
  isHeard(event: AetherEvent): boolean {
    if (event.route.union !== this.#options.union) return true
    for (const filter of this.#listens()) if (matchesFilter(filter, event)) return true
    for (const { listens } of this.#peers.values()) {
      for (const filter of listens) if (matchesFilter(filter, event)) return true
    }
    return false
  }

  /** Whether some instance says that it consumes tasks of this route for this workgroup. */
  isServed(route: Route, workgroup: string): boolean {
    const serves = (one: Served): boolean => one.workgroup === workgroup && matchesRoute(one.route, route)
    for (const own of this.#serves) if (serves(own)) return true
    for (const peer of this.#peers.values()) if (peer.serves.some(serves)) return true
    return false
  }

  /** This instance consumes; the answer takes it back. Throws `ERR_AETHER_QUEUE_FULL` past what a page holds. */
  serve(route: Route, workgroup: string): () => void {
    if (this.#serves.size >= maxEntries) throw tooManyError('subscriptions', maxEntries)
    const served = { route: routeKey(route), workgroup }
    this.#serves.add(served)
    this.#options.onServed(route, workgroup)
    return () => void this.#serves.delete(served)
  }

  /** Remembers what this instance announces, so that it can be taken back in its place. */
  announced({ action, route, tid, client, host }: PresenceEvent): void {
    const key = `${routeKey(route)}/${tid}`
    if (action === 'dismiss' ? !this.#workers.delete(key) : this.#workers.has(key)) return
    if (action !== 'dismiss') this.#workers.set(key, { route: routeKey(route), tid, client, host })
    this.write().catch(() => undefined)
  }

  /** Shows what changed, once a turn; resolves when the broker has it. */
  write(): Promise<void> {
    if (this.#isClosed) return Promise.resolve()
    if (this.#writing) return this.#writing.promise
    let resolve!: (written: Promise<void>) => void
    const promise = new Promise<void>((onWritten) => (resolve = onWritten))
    const run = (): void => {
      this.#writing = undefined
      resolve(this.#write())
    }
    this.#writing = { promise, run, immediate: setImmediate(run) }
    return promise
  }

  /** A new connection: the broker may have forgotten this page, and the pages of others come again. */
  connected(): void {
    this.#generation += 1
    if (this.#hasPage) this.write().catch(() => undefined)
    clearTimeout(this.#graceTimer)
    if (this.#peers.size > 0) this.#graceTimer = setTimeout(() => this.#forgetUnseen(), graceMs)
  }

  /** Takes a page, or the will in its place. */
  hear(clientId: string, payload: Uint8Array): void {
    if (clientId === this.#options.clientId || this.#isClosed) return
    let page: Omit<Peer, 'generation'> | undefined
    try {
      page = payload.length === 0 ? undefined : readPage(payload, this.#options.union)
    } catch (error) {
      return this.#options.onIgnored(error)
    }
    const known = this.#peers.get(clientId)
    if (!page) return known && this.#gone(clientId, known)
    if (!known && this.#peers.size >= maxPeers) return
    this.#peers.set(clientId, { ...page, generation: this.#generation })
    this.#tellServed(page.serves, known?.serves ?? [])
  }

  /** Takes the page away: the workers here have said goodbye for themselves. */
  async close(): Promise<void> {
    if (this.#isClosed) return
    this.dispose()
    if (this.#hasPage) await this.#options.publish(Buffer.alloc(0))
  }

  dispose(): void {
    this.#isClosed = true
    clearTimeout(this.#graceTimer)
    clearImmediate(this.#writing?.immediate)
    // Who waits for it is not kept waiting; it writes nothing any more.
    this.#writing?.run()
    this.#peers.clear()
  }

  async #write(): Promise<void> {
    if (this.#isClosed) return
    const { client, host } = this.#options
    // Of more workers than that the last ones are not seen to die; whoever listens for so much listens for everything.
    const workers = [...this.#workers.values()].slice(0, maxEntries)
    const filters = this.#listens()
    const listens = filters.length > maxEntries ? [{}] : filters
    const serves = [...this.#serves]
    const isEmpty = workers.length + listens.length + serves.length === 0
    if (isEmpty && !this.#hasPage) return
    this.#hasPage = !isEmpty
    const page = { status: 'online', client, host, workers, serves, listens }
    await this.#options.publish(isEmpty ? Buffer.alloc(0) : Buffer.from(JSON.stringify(page)))
  }

  #tellServed(now: readonly Served[], before: readonly Served[]): void {
    for (const { route: key, workgroup } of now) {
      if (before.some((one) => one.route === key && one.workgroup === workgroup)) continue
      const [union = '', job = '', task = '', context = ''] = key.split('/')
      this.#options.onServed({ union, job, task, context }, workgroup)
    }
  }

  #gone(clientId: string, { workers }: Peer): void {
    this.#peers.delete(clientId)
    for (const { route: key, tid, client, host } of workers) {
      const route = internRoute(key)
      if (!route) continue
      this.#options.onDismiss({ action: 'dismiss', route, tid, client, host, body: noBody, codec: 'json' })
    }
  }

  #forgetUnseen(): void {
    for (const [clientId, peer] of this.#peers) {
      if (peer.generation !== this.#generation) this.#gone(clientId, peer)
    }
  }
}

/** What stands in a page's place when its client died: for people and other programs that look; ours only see that the page is gone. */
export function willOf({ client, host }: { readonly client: string; readonly host: string }): Buffer {
  return Buffer.from(JSON.stringify({ status: 'offline', client, host }))
}

/** Undefined where the client is offline; throws where it is no page. */
function readPage(payload: Uint8Array, union: string): Omit<Peer, 'generation'> | undefined {
  const page = parsed(payload)
  if (!isRecord(page)) throw new TypeError('a page of presence is an object')
  if (page['status'] === 'offline') return undefined
  const { workers = [], serves = [], listens = [] } = page
  if (!Array.isArray(workers) || !Array.isArray(serves) || !Array.isArray(listens))
    throw new TypeError('workers, serves and listens are lists')
  if (Math.max(workers.length, serves.length, listens.length) > maxEntries)
    throw new TypeError(`a page of presence holds at most ${maxEntries} of each`)
  const isWorker = (one: unknown): one is Announced =>
    isRecord(one) &&
    ['route', 'tid', 'client', 'host'].every((name) => typeof one[name] === 'string') &&
    isName(one['tid']) &&
    internRoute(one['route'] as string)?.union === union
  return {
    workers: workers.filter(isWorker),
    serves: serves.filter(isServed),
    listens: listens.filter(isFilter),
  }
}

function parsed(payload: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload))
  } catch {
    // The cause would quote the message.
    throw new TypeError(`${payload.length} bytes that are no JSON`)
  }
}

function isServed(value: unknown): value is Served {
  return isRecord(value) && typeof value['route'] === 'string' && typeof value['workgroup'] === 'string'
}

function matchesRoute(key: string, route: Route): boolean {
  const [union, job, task, context] = key.split('/')
  const isSame = (wanted: string | undefined, name: string): boolean => wanted === '+' || wanted === name
  return (
    union === route.union &&
    isSame(job, route.job) &&
    isSame(task, route.task) &&
    isSame(context, route.context)
  )
}

function isFilter(value: unknown): value is EventFilter {
  return isRecord(value) && Object.values(value).every((level) => typeof level === 'string')
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
