import {
  type AetherError,
  type CompleteEvent,
  type Delivery,
  errorFromShape,
  type ErrorShape,
  type ReleaseOptions,
  type StatusEvent,
  type TaskMessage,
} from '@aether/core'
import { checkSize, unsupported } from './check-input.ts'
import { leaseLost } from './ends.ts'
import type { LocalConsumer } from './local-consumer.ts'
import type { CallerBook } from './caller-book.ts'

/** What the deliveries of one instance share. */
export interface DeliveryHost {
  readonly maxPayloadBytes: number
  report(delivery: PubSubDelivery, event: StatusEvent): Promise<unknown>
  complete(delivery: PubSubDelivery, event: CompleteEvent): Promise<unknown>
  release(delivery: PubSubDelivery, options: ReleaseOptions): Promise<unknown>
}

/** One task in the hands of this worker. It is held until it is settled: nothing here is delivered again because time passed. */
export class PubSubDelivery implements Delivery {
  readonly task: TaskMessage
  readonly attempt: number
  readonly call: number
  readonly consumer: LocalConsumer
  readonly book: CallerBook
  readonly #host: DeliveryHost
  #reason: AetherError | undefined
  #onRevoke: ((reason: AetherError) => void) | undefined

  constructor(
    host: DeliveryHost,
    given: { readonly task: TaskMessage; readonly attempt: number; readonly call: number },
    consumer: LocalConsumer,
    book: CallerBook,
  ) {
    this.task = given.task
    this.attempt = given.attempt
    this.call = given.call
    this.consumer = consumer
    this.book = book
    this.#host = host
  }

  onRevoke(handler: (reason: AetherError) => void): void {
    if (this.#onRevoke === settled) return
    if (this.#reason !== undefined) handler(this.#reason)
    else this.#onRevoke = handler
  }

  async renew(): Promise<void> {
    this.#mustHold()
  }

  async report(event: StatusEvent): Promise<void> {
    this.#mustHold()
    checkSize('a status', event.body, this.#host.maxPayloadBytes)
    await this.#host.report(this, event)
  }

  async ack(complete: CompleteEvent, options?: { readonly deadLetter?: boolean }): Promise<void> {
    this.#mustHold()
    if (options?.deadLetter === true)
      throw unsupported('deadLetter', 'mode pubsub keeps no dead letters: nothing is stored')
    checkSize('a completion', complete.body, this.#host.maxPayloadBytes)
    this.#settle()
    await this.#host.complete(this, complete)
  }

  async release(options: ReleaseOptions = {}): Promise<void> {
    this.#mustHold()
    this.#settle()
    await this.#host.release(this, options)
  }

  /** It ended without this worker. */
  revoke(error: ErrorShape): void {
    if (this.#reason !== undefined || this.#onRevoke === settled) return
    const handler = this.#onRevoke
    this.#reason = errorFromShape(error)
    this.#onRevoke = undefined
    handler?.(this.#reason)
  }

  /** It was to be settled and could not be. */
  reopen(): void {
    this.#reason = undefined
    this.#onRevoke = undefined
  }

  /** The transport closes: nobody is called any more. */
  abandon(): void {
    if (this.#onRevoke === settled) return
    this.#reason ??= leaseLost('the transport was closed')
    this.#onRevoke = undefined
  }

  #settle(): void {
    this.#onRevoke = settled
  }

  #mustHold(): void {
    const reason = this.#reason
    if (reason === undefined) {
      // Made only where it is thrown: an error costs more than a task.
      if (this.#onRevoke === settled) throw leaseLost('it was settled before')
      return
    }
    throw reason.code === 'ERR_AETHER_LEASE_LOST' ? reason : leaseLost(reason.message)
  }
}

/** Stands where no handler is wanted any more: a settled delivery is not revoked. */
function settled(): void {}
