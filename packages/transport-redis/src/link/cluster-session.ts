import { Cluster, type Command, type Redis } from 'ioredis'
import { asError } from '../errors.ts'
import type { Address, ClusterTarget } from '../target.ts'
import { backoffMs } from './backoff.ts'
import { Connection, disconnected, onceOnly } from './connection.ts'
import { accessOptions, driverOptions } from './driver-options.ts'
import { foundAt, isUnknown } from './found-at.ts'
import { Pipe } from './pipe.ts'
import { endSilent, type Session } from './session.ts'

/** How long after something was found missing the nodes are asked where it is; each asking is a connection of its own. */
const seekBackoff = { initialMs: 50, maxMs: 1_000 }

/** When nothing was missing for so long, the first asking comes soon again. */
const QUIET_MS = 5_000

/**
 * A Cluster of the driver's, which knows where slots are and follows them, and a connection of our own that listens: the driver's would take up its
 * subscriptions elsewhere without a word. What may have been done is never repeated here, and what surely was not is refused at once, for the link to repeat.
 * The session ends when all masters are lost, or the one that listens.
 */
export class ClusterSession implements Session {
  readonly name: string
  readonly #target: ClusterTarget
  readonly #attemptTimeoutMs: number
  /** A frozen node keeps nobody from those that answer: to find one, to ask it for the slots, and to reach their masters may take a third each. */
  readonly #stepTimeoutMs: number
  readonly #random: () => number
  /** To nodes, and those by which the driver asks for the slots. */
  readonly #connections = new Set<Redis>()
  readonly #pipes = new WeakMap<Redis, Pipe>()
  #listening: Connection | undefined
  #cluster: Cluster | undefined
  #seeking: ReturnType<typeof setTimeout> | undefined
  #seeks = 0
  #soughtAt = 0
  #isOver = false
  #onLost: ((error: Error) => void) | undefined

  constructor(target: ClusterTarget, attemptTimeoutMs: number, random: () => number) {
    this.#target = target
    this.#attemptTimeoutMs = attemptTimeoutMs
    this.#stepTimeoutMs = attemptTimeoutMs / 3
    this.#random = random
    this.name = target.nodes.map(keyOf).join(', ')
  }

  get listener(): Redis {
    if (this.#listening === undefined) throw new Error('The session was not opened.')
    return this.#listening.redis
  }

  async open(): Promise<void> {
    const address = await this.#reachAny()
    if (this.#isOver) return
    const cluster = new Cluster([address], this.#clusterOptions(address))
    this.#cluster = cluster
    let reason: Error | undefined
    cluster.on('error', (error: Error & { readonly lastNodeError?: Error }) => {
      reason = error.lastNodeError ?? error
    })
    cluster.on('+node', this.#onNode)
    await cluster.connect().catch((error: unknown) => {
      throw reason ?? error
    })
    await Promise.allSettled(cluster.nodes('master').map((node) => node.connect()))
    if (cluster.nodes('master').length === 0) throw new Error('no node of the Cluster has slots')
    if (this.#home() === undefined) throw new Error('no master of the Cluster answers')
    cluster.on('-node', this.#onNodeLost)
  }

  send(command: Command): void {
    const slot = command.getSlot() as number | null
    const node = slot === null ? this.#home() : this.#masterOf(slot)
    const cluster = this.#cluster
    if (cluster === undefined || node?.status !== 'ready') {
      this.#seek(node)
      return command.reject(new Error('Connection is closed: no connection to that node of the Cluster.'))
    }
    // What depends on no key always goes to the same node, so that messages keep their order.
    this.#pipe(node).send(command, slot === null ? node : cluster)
  }

  onLost(handler: (error: Error) => void): void {
    this.#onLost = handler
    this.#listening?.onLost((error) => this.#lose(error))
    if (this.#home() === undefined) this.#onNodeLost()
  }

  watched(): readonly Redis[] {
    return [...(this.#cluster?.nodes() ?? []), this.listener]
  }

  onSilent(redis: Redis): void {
    endSilent(redis)
  }

  async destroy(): Promise<void> {
    this.#isOver = true
    this.#onLost = undefined
    clearTimeout(this.#seeking)
    const cluster = this.#cluster
    cluster?.disconnect()
    await Promise.all([this.#listening?.destroy(), ...[...this.#connections].map(disconnected)])
    // One that is under way has failed by that; without nodes none begins.
    if (cluster !== undefined)
      await new Promise<void>((resolve) => cluster.refreshSlotsCache(() => resolve()))
  }

  #pipe(node: Redis): Pipe {
    let pipe = this.#pipes.get(node)
    if (pipe === undefined) {
      pipe = new Pipe(node)
      this.#pipes.set(node, pipe)
    }
    return pipe
  }

  #home(): Redis | undefined {
    return this.#cluster?.nodes('master').find((node) => node.status === 'ready')
  }

  #masterOf(slot: number): Redis | undefined {
    const key = this.#cluster?.slots[slot]?.[0]
    return this.#cluster?.nodes().find(({ options }) => `${options.host}:${options.port}` === key)
  }

  /** Finds a way to what cannot be reached now. */
  #seek(node?: Redis): void {
    // Its failure ends it, and another is sought.
    if (node?.status === 'wait') node.connect().catch(() => {})
    if (this.#seeking !== undefined || this.#isOver) return
    const now = performance.now()
    this.#seeks = now - this.#soughtAt > QUIET_MS ? 1 : this.#seeks + 1
    this.#soughtAt = now
    this.#seeking = setTimeout(
      () => {
        this.#seeking = undefined
        this.#cluster?.refreshSlotsCache()
      },
      backoffMs(this.#seeks, seekBackoff, this.#random) + 20,
    )
  }

  readonly #onNode = (node: Redis): void => {
    this.#keep(node)
    foundAt(node, (asking) => this.#keep(asking))
    // The driver waits for no answer to this, so that its failure would end the process.
    const asking = node.asking.bind(node)
    node.asking = () => asking().catch(() => 'OK')
    // A frozen node accepts connections and says nothing.
    node.once('connect', () => {
      const timer = setTimeout(() => endSilent(node), this.#stepTimeoutMs)
      for (const event of ['ready', 'close']) node.once(event, () => clearTimeout(timer))
    })
  }

  /** So that none is left behind. */
  #keep(redis: Redis): void {
    this.#connections.add(redis)
    redis.once('end', () => this.#connections.delete(redis))
  }

  readonly #onNodeLost = (): void => {
    if (this.#home() === undefined) this.#lose(new Error('All masters of the Cluster are gone.'))
    else this.#seek()
  }

  /** A connection that listens to any node: the Cluster carries messages to all. */
  async #reachAny(): Promise<Address> {
    let reason = new Error('The session is over.')
    // Not always in the same order: the first may be the one that does not answer.
    const { nodes } = this.#target
    const first = Math.floor(this.#random() * nodes.length)
    const timeoutMs = Math.min(this.#stepTimeoutMs, Math.max(1_000, this.#stepTimeoutMs / nodes.length))
    for (const address of [...nodes.slice(first), ...nodes.slice(0, first)]) {
      if (this.#isOver) break
      this.#listening = new Connection(driverOptions(address, this.#target, this.#attemptTimeoutMs))
      const answered = this.#listening.expire(timeoutMs)
      try {
        await this.#listening.open()
        return address
      } catch (error) {
        reason = asError(error)
        await this.#listening.destroy()
      } finally {
        answered()
      }
    }
    throw reason
  }

  #clusterOptions({ host }: Address): NonNullable<ConstructorParameters<typeof Cluster>[1]> {
    const options = accessOptions(this.#target, this.#attemptTimeoutMs)
    return {
      lazyConnect: true,
      enableReadyCheck: false,
      clusterRetryStrategy: null,
      // It knows nothing of what was sent: it would repeat what may have been done.
      retryDelayOnFailover: 0,
      slotsRefreshTimeout: Math.min(this.#stepTimeoutMs, 1_000),
      // A redirection, too, may leave the name out.
      natMap: (key) => {
        const colon = key.lastIndexOf(':')
        return isUnknown(key.slice(0, colon)) ? { host, port: Number(key.slice(colon + 1)) } : null
      },
      // By name, which a certificate is for.
      dnsLookup: (host, callback) => callback(null, host),
      redisOptions: { ...options, ...onceOnly, replyMapping: 'legacy' },
    }
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
