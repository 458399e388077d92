import { closedError } from '../connection/connection-errors.ts'
import type { Connection } from '../connection/connection.ts'
import { isOver } from '../connection/connection-state.ts'
import { WireError } from '../errors.ts'
import type { FrameCursor } from '../frames/frame-cursor.ts'
import {
  DeliverFrame,
  readDeliver,
  readRoute,
  writeConsume,
  writeConsumeStop,
  writeRelease,
} from '../frames/tasks.ts'
import { Lease } from './lease.ts'
import { type ErrorMapper, LeaseTable } from './lease-table.ts'
import { confirmedOrResumed, PromiseWaiter } from '../connection/promise-waiter.ts'
import { Codec } from '../protocol.ts'

export interface ConsumeSpec {
  /** `union/job/task/context`, any level of which may be `+`. */
  readonly filter: string
  readonly workgroup: string
  /** Unsettled deliveries held at most. */
  readonly credit: number
  /** How long a delivery is held without a renewal. */
  readonly leaseMs: number
  /** Consumers of one client that name the same pool share its credit too. */
  readonly pool?: { readonly id: string; readonly credit: number }
}

export interface TaskConsumer {
  /** Stops new deliveries; those handed out stay valid. Idempotent. */
  close(): Promise<void>
}

interface LocalConsumer extends TaskConsumer {
  readonly id: number
  readonly spec: ConsumeSpec
  readonly handler: (lease: Lease) => void
}

const nothing = { codec: Codec.none, headers: undefined, body: new Uint8Array(0) }
const MAX_ROUTES = 100_000

/** The receiving half of tasks: the consumers there are, and what is delivered to them. */
export class TaskConsumers {
  readonly #connection: Connection
  readonly #onWarning: (error: WireError) => void
  readonly #leases: LeaseTable
  readonly #consumers = new Map<number, LocalConsumer>()
  readonly #pools = new Map<string, number>()
  readonly #routes = new Map<number, string>()
  readonly #frame = new DeliverFrame()
  #nextId = 1
  #nextPool = 1

  constructor(connection: Connection, onWarning: (error: WireError) => void) {
    this.#connection = connection
    this.#onWarning = onWarning
    this.#leases = new LeaseTable(connection, onWarning)
  }

  async consume(spec: ConsumeSpec, handler: (lease: Lease) => void): Promise<TaskConsumer> {
    while (!this.#connection.ready) await this.#connection.whenReady()
    const id = this.#nextId++
    const consumer: LocalConsumer = { id, spec, handler, close: () => this.#stop(id) }
    this.#consumers.set(id, consumer)
    try {
      const waiter = new PromiseWaiter()
      this.#say(consumer)
      this.#connection.sent(waiter)
      await confirmedOrResumed(this.#connection, waiter)
    } catch (error) {
      this.#forget(id)
      throw error
    }
    return consumer
  }

  /** What the promises of leases reject with from now on. */
  mapErrors(mapper: ErrorMapper): void {
    this.#leases.mapError = mapper
  }

  onRoute(cursor: FrameCursor): void {
    const { routeId, route } = readRoute(cursor)
    if (this.#routes.size >= MAX_ROUTES)
      throw new WireError('ERR_AETHER_FRAME_INVALID', `More than ${MAX_ROUTES} routes.`)
    this.#routes.set(routeId, route)
  }

  onDeliver(cursor: FrameCursor): void {
    const frame = this.#frame
    readDeliver(cursor, frame)
    const route = this.#routes.get(frame.routeId)
    if (route === undefined)
      throw new WireError('ERR_AETHER_FRAME_INVALID', `Route ${frame.routeId} was not given by the broker.`)
    const consumer = this.#consumers.get(frame.consumer)
    if (consumer === undefined) return this.#giveBack(frame.lease)
    const lease = new Lease(this.#leases, route, frame, cursor.bytes)
    this.#leases.add(lease)
    try {
      consumer.handler(lease)
    } catch (cause) {
      // The lease stays with its handler until it runs out; the application's fault must not look like the broker's.
      this.#onWarning(
        new WireError('ERR_AETHER_TASK_FAILED', `The handler of deliveries threw for task ${lease.tid}.`, {
          cause,
        }),
      )
    }
  }

  onRevoke(cursor: FrameCursor): void {
    this.#leases.onRevoke(cursor)
  }

  onReady(): void {
    for (const consumer of this.#consumers.values()) {
      this.#say(consumer)
      this.#connection.sent({
        confirmed: () => {},
        refused: (error) => {
          if (error.code !== 'ERR_AETHER_TRANSPORT_LOST') this.#onWarning(error)
        },
      })
    }
  }

  onLost(error: WireError): void {
    this.#routes.clear()
    if (isOver(this.#connection.state)) this.#consumers.clear()
    this.#leases.onLost(error)
  }

  #say({ id, spec }: LocalConsumer): void {
    writeConsume(this.#connection.writer, {
      consumer: id,
      filter: spec.filter,
      workgroup: spec.workgroup,
      credit: spec.credit,
      leaseMs: spec.leaseMs,
      pool: spec.pool === undefined ? 0 : this.#poolId(spec.pool.id),
      poolCredit: spec.pool?.credit ?? 0,
    })
  }

  #hasPool(name: string): boolean {
    for (const consumer of this.#consumers.values()) if (consumer.spec.pool?.id === name) return true
    return false
  }

  #poolId(name: string): number {
    let id = this.#pools.get(name)
    if (id === undefined) {
      id = this.#nextPool++
      this.#pools.set(name, id)
    }
    return id
  }

  /** Came after its consumer was stopped: not for this one. */
  #giveBack(lease: number): void {
    writeRelease(this.#connection.writer, lease, 0, false, nothing)
    this.#connection.sent(undefined)
  }

  /** False where it is not known. */
  #forget(id: number): boolean {
    const pool = this.#consumers.get(id)?.spec.pool?.id
    if (!this.#consumers.delete(id)) return false
    if (pool !== undefined && !this.#hasPool(pool)) this.#pools.delete(pool)
    return true
  }

  async #stop(id: number): Promise<void> {
    if (!this.#forget(id) || !this.#connection.ready) return
    const waiter = new PromiseWaiter()
    writeConsumeStop(this.#connection.writer, id)
    this.#connection.sent(waiter)
    // A connection that ends has forgotten it too.
    await waiter.promise.catch((error: WireError) => {
      if (error.code !== 'ERR_AETHER_TRANSPORT_LOST' && error.code !== closedError().code) throw error
    })
  }
}
