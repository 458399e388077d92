import type {
  AetherError,
  CompleteEvent,
  Consumer,
  Delivery,
  ReleaseOptions,
  StatusEvent,
  TaskMessage,
} from '@aether/core'

import { floodError, leaseLostError } from './errors.ts'
import type { Endpoint } from './endpoint.ts'
import type { Job } from './turn-queue.ts'

const settled: Promise<void> = Promise.resolve()

/** A task in a worker's hands; also the job of handing it over. */
export class MemoryDelivery implements Delivery, Job {
  readonly task: TaskMessage
  readonly attempt: number
  readonly lease: number
  readonly endpoint: Endpoint
  readonly #consumer: MemoryConsumer
  #reason: AetherError | undefined = undefined
  #onRevoke: ((reason: AetherError) => void) | undefined = undefined

  constructor(lease: number, attempt: number, task: TaskMessage, consumer: MemoryConsumer) {
    this.lease = lease
    this.attempt = attempt
    this.task = task
    this.endpoint = consumer.endpoint
    this.#consumer = consumer
  }

  /** Hands it to the consumer, unless it was revoked or the consumer was closed on the way. */
  run(): void {
    if (this.#reason !== undefined || this.endpoint.isOver) return
    if (!this.#consumer.isClosed) return this.endpoint.guard(this.#consumer.handler, this)
    const { hub } = this.endpoint
    hub.engine.release(this.lease, this.endpoint, { delayMs: 0, failed: false })
    hub.forget(this.lease)
    hub.touch()
  }

  onRevoke(handler: (reason: AetherError) => void): void {
    this.#onRevoke = handler
    if (this.#reason !== undefined) this.#tell()
  }

  /** The lease ended without our word. */
  revoke(reason: AetherError): void {
    if (this.#reason !== undefined) return
    this.#reason = reason
    this.#tell()
  }

  #tell(): void {
    const handler = this.#onRevoke
    const reason = this.#reason
    if (handler === undefined || reason === undefined) return
    this.#onRevoke = undefined
    this.endpoint.hub.later(() => this.endpoint.guard(handler, reason))
  }

  renew(): Promise<void> {
    return this.#answer(this.endpoint.hub.engine.renew(this.lease, this.endpoint))
  }

  report(event: StatusEvent): Promise<void> {
    const { hub } = this.endpoint
    const refusal = hub.isFull ? floodError() : hub.tooLarge(event.body, 'the progress')
    if (refusal !== undefined) return Promise.reject(refusal)
    const result = hub.report(this.lease, this.endpoint, event)
    return (result === 'ok' ? hub.turn() : undefined) ?? this.#answer(result)
  }

  ack(complete: CompleteEvent, options?: { readonly deadLetter?: boolean }): Promise<void> {
    const { hub } = this.endpoint
    const tooLarge = hub.tooLarge(complete.body, 'the completion')
    if (tooLarge !== undefined) return Promise.reject(tooLarge)
    const deadLetter = options?.deadLetter === true ? { deadLetter: true, error: complete.error } : undefined
    return this.#settle(hub.engine.ack(this.lease, this.endpoint, complete.status, complete, deadLetter))
  }

  release(options: ReleaseOptions = {}): Promise<void> {
    const { delayMs = 0, failed = false, error } = options
    return this.#settle(
      this.endpoint.hub.engine.release(this.lease, this.endpoint, { delayMs, failed, error }),
    )
  }

  #settle(result: 'ok' | 'lease-lost'): Promise<void> {
    if (result === 'ok') this.endpoint.hub.forget(this.lease)
    return this.#answer(result)
  }

  #answer(result: 'ok' | 'lease-lost'): Promise<void> {
    this.endpoint.hub.touch()
    return result === 'ok' ? settled : Promise.reject(leaseLostError(this.task.tid, this.attempt))
  }
}

/** Who takes the deliveries of one `consume`. */
export class MemoryConsumer implements Consumer {
  readonly endpoint: Endpoint
  readonly handler: (delivery: Delivery) => void
  /** Asks the engine for it, again after each reconnection. */
  readonly open: () => number
  id = 0
  isClosed = false

  constructor(endpoint: Endpoint, handler: (delivery: Delivery) => void, open: () => number) {
    this.endpoint = endpoint
    this.handler = handler
    this.open = open
  }

  close(): Promise<void> {
    if (!this.isClosed) {
      this.isClosed = true
      this.endpoint.closeConsumer(this)
    }
    return settled
  }
}
