import type { Command, Redis } from 'ioredis'
import { asError } from '../errors.ts'
import type { Address, ClusterTarget } from '../target.ts'
import { backoffMs, pause } from './backoff.ts'
import { Connection } from './connection.ts'
import { Pipe } from './pipe.ts'
import { driverOptions } from './server-session.ts'
import { endSilent, type Session } from './session.ts'

const repairBackoff = { initialMs: 50, maxMs: 1_000 }

/** A master: its connection, and whether that is open. */
interface Node {
  readonly connection: Connection
  readonly pipe: Pipe
  readonly opening: Promise<void>
  isReady: boolean
}

/** A connection to each master of a Cluster, and one that listens to any of them. A master that is lost is looked for; the session ends when all are. */
export class ClusterSession implements Session {
  name: string
  readonly #target: ClusterTarget
  readonly #attemptTimeoutMs: number
  readonly #random: () => number
  readonly #stop = new AbortController()
  readonly #nodes = new Map<string, Node>()
  readonly #leaving = new Set<Promise<void>>()
  /** Which node has which slot. */
  #slots: (string | undefined)[] = []
  #listening: Connection | undefined
  #repairing: Promise<void> | undefined
  #onLost: ((error: Error) => void) | undefined

  constructor(target: ClusterTarget, attemptTimeoutMs: number, random: () => number) {
    this.#target = target
    this.#attemptTimeoutMs = attemptTimeoutMs
    this.#random = random
    this.name = target.nodes.map(keyOf).join(', ')
  }

  get listener(): Redis {
    if (this.#listening === undefined) throw new Error('The session was not opened.')
    return this.#listening.redis
  }

  async open(): Promise<void> {
    await this.#learnFromAny()
    await Promise.allSettled(this.#masters().map((key) => this.#node(key).opening))
    const home = this.#home()
    if (home === undefined) throw new Error('No node of the Cluster answers.')
    const [key] = home
    this.#listening = new Connection(this.#driverOptions(key))
    if (this.#stop.signal.aborted) await this.#listening.destroy()
    await this.#listening.open()
    if (this.#isIncomplete()) this.#repair()
  }

  send(command: Command): void {
    const slot = command.getSlot() as number | null
    const key = slot === null ? this.#home()?.[0] : this.#slots[slot]
    this.#sendTo(key, command)
  }

  reroute(error: Error): ((command: Command) => void) | undefined {
    const match = /^(MOVED|ASK) (\d+) (\S*):(\d+)$/.exec(error.message)
    if (match === null) {
      if (error.message.startsWith('CLUSTERDOWN')) this.#repair()
      return undefined
    }
    const key = `${match[3] === '' ? this.#anyHost() : match[3]}:${match[4]}`
    if (match[1] === 'ASK') {
      return (command) => {
        const node = this.#node(key)
        if (node.isReady) node.connection.redis.asking().catch(() => {})
        this.#sendTo(key, command)
      }
    }
    this.#slots[Number(match[2])] = key
    this.#repair()
    return (command) => this.#sendTo(key, command)
  }

  onLost(handler: (error: Error) => void): void {
    this.#onLost = handler
    this.#listening?.onLost((error) => this.#lose(error))
  }

  watched(): readonly Redis[] {
    const all = [...this.#nodes.values()].filter((node) => node.isReady).map((node) => node.connection.redis)
    return [...all, this.listener]
  }

  onSilent(redis: Redis): void {
    endSilent(redis)
  }

  tend(): void {
    this.#repair()
  }

  async destroy(): Promise<void> {
    this.#onLost = undefined
    this.#stop.abort()
    const nodes = [...this.#nodes.keys()]
    for (const key of nodes) this.#drop(key)
    await this.#listening?.destroy()
    await this.#repairing
    while (this.#leaving.size > 0) await Promise.all(this.#leaving)
  }

  #sendTo(key: string | undefined, command: Command): void {
    const node = key === undefined ? undefined : this.#node(key)
    if (node?.isReady === true) return node.pipe.send(command)
    this.#repair()
    command.reject(new Error(`Connection is closed: no connection to ${key ?? 'any node'} of the Cluster.`))
  }

  /** Where goes what depends on no key: always the same one, so that messages keep their order. */
  #home(): [string, Node] | undefined {
    for (const entry of this.#nodes) if (entry[1].isReady) return entry
    return undefined
  }

  #node(key: string, timeoutMs: number = this.#attemptTimeoutMs / 2): Node {
    const known = this.#nodes.get(key)
    if (known !== undefined) return known
    const connection = new Connection(this.#driverOptions(key))
    // A frozen node keeps nobody from those that answer.
    const answered = connection.expire(timeoutMs)
    const opening = (this.#stop.signal.aborted ? connection.destroy() : connection.open()).finally(answered)
    const node: Node = { connection, pipe: new Pipe(connection.redis), opening, isReady: false }
    this.#nodes.set(key, node)
    opening.then(
      () => {
        node.isReady = !this.#stop.signal.aborted
        connection.onLost(() => this.#onNodeLost(key, node))
      },
      () => this.#onNodeLost(key, node),
    )
    return node
  }

  #onNodeLost(key: string, node: Node): void {
    node.isReady = false
    if (this.#nodes.get(key) !== node) return
    this.#drop(key)
    if (this.#stop.signal.aborted) return
    if (this.#home() === undefined) this.#lose(new Error('All nodes of the Cluster are gone.'))
    else this.#repair()
  }

  #drop(key: string): void {
    const node = this.#nodes.get(key)
    this.#nodes.delete(key)
    if (node === undefined) return
    const leaving = node.connection.destroy().finally(() => this.#leaving.delete(leaving))
    this.#leaving.add(leaving)
  }

  /** Learns where the slots are and connects to their masters, until all are there. */
  #repair(): void {
    if (this.#stop.signal.aborted) return
    this.#repairing ??= this.#repairAll().finally(() => {
      this.#repairing = undefined
    })
  }

  async #repairAll(): Promise<void> {
    for (let attempt = 1; !this.#stop.signal.aborted; attempt++) {
      const home = this.#home()
      // Its loss is told to the link.
      if (home === undefined) return
      await this.#learn(home[0], home[1].connection.redis).catch(() => {})
      await Promise.allSettled(this.#masters().map((key) => this.#node(key).opening))
      if (!this.#isIncomplete()) return
      await pause(backoffMs(attempt, repairBackoff, this.#random) + 20, this.#stop.signal)
    }
  }

  async #learnFromAny(): Promise<void> {
    let reason = new Error('The session is over.')
    // Not always in the same order: the first may be the one that does not answer.
    const { nodes } = this.#target
    const first = Math.floor(this.#random() * nodes.length)
    const half = this.#attemptTimeoutMs / 2
    const timeoutMs = Math.min(half, Math.max(1_000, half / nodes.length))
    for (const address of [...nodes.slice(first), ...nodes.slice(0, first)]) {
      if (this.#stop.signal.aborted) break
      const key = keyOf(address)
      try {
        const node = this.#node(key, timeoutMs)
        await node.opening
        return await this.#learn(key, node.connection.redis)
      } catch (error) {
        reason = asError(error)
      }
    }
    throw reason
  }

  async #learn(asked: string, redis: Redis): Promise<void> {
    const ranges: unknown = await redis.cluster('SLOTS')
    if (!Array.isArray(ranges)) return
    const slots: (string | undefined)[] = []
    for (const [first, last, master] of ranges as [number, number, [string | null, number]][]) {
      // An empty name means the one by which it was asked.
      const host = master[0] === null || master[0] === '' || master[0] === '?' ? hostOf(asked) : master[0]
      for (let slot = Number(first); slot <= Number(last); slot++) slots[slot] = `${host}:${master[1]}`
    }
    this.#slots = slots
    const masters = new Set(this.#masters())
    // A replica, or a node that was removed: what it was asked, it has answered by its end.
    for (const key of this.#nodes.keys()) if (masters.size > 0 && !masters.has(key)) this.#drop(key)
  }

  #masters(): string[] {
    return [...new Set(this.#slots)].filter((key) => key !== undefined)
  }

  #isIncomplete(): boolean {
    return this.#masters().some((key) => this.#nodes.get(key)?.isReady !== true)
  }

  #anyHost(): string {
    const home = this.#home()
    return home === undefined ? '' : hostOf(home[0])
  }

  #driverOptions(key: string): ReturnType<typeof driverOptions> {
    const port = Number(key.slice(key.lastIndexOf(':') + 1))
    return driverOptions({ host: hostOf(key), port }, this.#target, this.#attemptTimeoutMs)
  }

  #lose(error: Error): void {
    const handler = this.#onLost
    this.#onLost = undefined
    handler?.(error)
  }
}

function keyOf(address: Address): string {
  return `${address.host}:${address.port}`
}

function hostOf(key: string): string {
  return key.slice(0, key.lastIndexOf(':'))
}
