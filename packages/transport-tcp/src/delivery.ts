import type {
  AetherError,
  CompleteEvent,
  Delivery,
  ReleaseOptions,
  RouteCache,
  StatusEvent,
  TaskMessage,
  TerminalStatus,
} from '@aether/core'
import { Codec, type Lease, Outcome } from '@aether/wire'
import { type HeaderDecoder, type HeaderEncoder, plainHeaders } from './block-headers.ts'
import { checkMs } from './check-task.ts'
import { codecByte, codecName } from './codec-byte.ts'
import { payloadTooLarge, toAetherError } from './errors.ts'

const empty = new Uint8Array(0)
const outcomes: Readonly<Record<TerminalStatus, number>> = Outcome

/** What the deliveries of one consumer share. */
export interface DeliveryHost {
  readonly client: string
  readonly host: string
  readonly workgroup: string
  readonly maxPayloadBytes: number
  readonly routes: RouteCache
  readonly encoder: HeaderEncoder
  readonly decoder: HeaderDecoder
}

/** A lease of the wire as a delivery of core. The promises of the lease are its own: they reject with errors of core already. */
export class TcpDelivery implements Delivery {
  readonly task: TaskMessage
  readonly attempt: number
  readonly #lease: Lease
  readonly #host: DeliveryHost

  constructor(lease: Lease, host: DeliveryHost) {
    this.#lease = lease
    this.#host = host
    this.attempt = lease.attempt
    this.task = taskOf(lease, host)
  }

  onRevoke(handler: (reason: AetherError) => void): void {
    this.#lease.onRevoke((reason) => handler(toAetherError(reason)))
  }

  renew(): Promise<void> {
    return this.#lease.renew()
  }

  report(event: StatusEvent): Promise<void> {
    const body = event.body ?? empty
    try {
      this.#check(body, 'a status')
      return this.#lease.report({
        status: event.status === 'initialized' ? 0 : 1,
        progress: Math.min(100, Math.max(0, Math.floor(event.progress))),
        seq: event.seq,
        codec: event.body === undefined ? Codec.none : codecByte(event.codec),
        headers: this.#host.encoder.encode(event),
        body,
      })
    } catch (error) {
      return Promise.reject(error)
    }
  }

  ack(complete: CompleteEvent, options?: { readonly deadLetter?: boolean }): Promise<void> {
    const body = complete.body ?? empty
    try {
      this.#check(body, 'a completion')
      const codec = complete.body === undefined ? Codec.none : codecByte(complete.codec)
      const fields = { codec, headers: this.#host.encoder.encode(complete), body }
      return this.#lease.ack(outcomes[complete.status], fields, options?.deadLetter === true)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  async release(options: ReleaseOptions = {}): Promise<void> {
    const { delayMs = 0, failed = false, error } = options
    checkMs('delayMs', delayMs)
    const { client, host, workgroup } = this.#host
    const headers = failed ? plainHeaders({ client, host, workgroup, error }) : undefined
    await this.#lease.release(Math.ceil(delayMs), failed, { codec: Codec.none, headers, body: empty })
  }

  #check(body: Uint8Array, what: string): void {
    const limit = this.#host.maxPayloadBytes
    if (body.length > limit) throw payloadTooLarge(what, body.length, limit)
  }
}

function taskOf(lease: Lease, host: DeliveryHost): TaskMessage {
  const { bytes, bodyAt } = lease
  const { client, host: machine, headers } = host.decoder.decode(bytes, lease.headersAt, lease.headersEnd)
  const task = {
    route: routeOf(lease.route, host.routes),
    tid: lease.tid,
    workgroup: lease.workgroup,
    body: new Uint8Array(bytes.buffer, bytes.byteOffset + bodyAt, lease.end - bodyAt),
    codec: codecName(lease.codec),
    attempts: lease.attempts,
    deadline: lease.deadlineAt === 0 ? Number.POSITIVE_INFINITY : lease.deadlineAt,
    ttlMs: lease.ttlMs,
    delayMs: lease.delayMs,
    priority: lease.priority,
    waitForWorkers: lease.waitForWorkers,
    client,
    host: machine,
  }
  return headers === undefined ? task : { ...task, headers }
}

/** Foreign clients may name routes that core would not: they are passed on as they are. */
function routeOf(key: string, routes: RouteCache): TaskMessage['route'] {
  const route = routes.get(key)
  if (route !== undefined) return route
  const [union = '', job = '', task = '', context = ''] = key.split('/')
  return { union, job, task, context }
}
