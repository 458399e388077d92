import type {
  CompleteEvent,
  ConsumeOptions,
  Consumer,
  Delivery,
  ReleaseOptions,
  Route,
  TaskMessage,
} from '../transport.ts'
import { LinkedList } from '../table/linked-list.ts'
import { CreditPool } from './credit-pool.ts'
import { say, type LeaseContext } from './lease-context.ts'
import { LeasedDelivery, type DeliveryOwner } from './leased-delivery.ts'
import type { Offer } from './relay.ts'

/** What a consumer asks of the worker side it belongs to. */
export interface ConsumerHost {
  onEnd(consumer: LeaseConsumer, delivery: LeasedDelivery): void
  onComplete(delivery: LeasedDelivery, complete: CompleteEvent): void
}

export interface LeaseConsumerOptions {
  readonly route: Route
  readonly consume: ConsumeOptions
  readonly pool: CreditPool | undefined
  readonly handler: (delivery: Delivery) => void
}

/**
 * One subscription of one workgroup. An engine that pushes knows nothing of credit, so what comes beyond it is held here, in order and renewed, up to
 * `maxHeld`; one more is answered `busy`, and its caller offers it again, perhaps to another worker.
 */
export class LeaseConsumer implements DeliveryOwner {
  readonly workgroup: string
  readonly leaseMs: number
  readonly poolId: string | undefined
  /** Set once the relay has subscribed. */
  subscription: Consumer | undefined
  readonly #context: LeaseContext
  readonly #host: ConsumerHost
  readonly #options: LeaseConsumerOptions
  readonly #credit: CreditPool
  readonly #held = new LinkedList<LeasedDelivery>()
  readonly #begun = new LinkedList<LeasedDelivery>()
  #isClosed = false

  constructor(context: LeaseContext, host: ConsumerHost, options: LeaseConsumerOptions) {
    const { workgroup, leaseMs, credit, pool } = options.consume
    this.workgroup = workgroup
    this.leaseMs = leaseMs
    this.poolId = pool?.id
    this.#context = context
    this.#host = host
    this.#options = options
    this.#credit = new CreditPool(credit)
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  get isIdle(): boolean {
    return this.#held.size === 0 && this.#begun.size === 0
  }

  /** Takes a task that is new here; undefined when there is no room. */
  take(
    task: TaskMessage,
    given: { readonly key: string; readonly offer: Offer },
  ): LeasedDelivery | undefined {
    const { key, offer } = given
    const mayBegin = this.#mayBegin()
    if (!mayBegin && this.#held.size >= this.#context.settings.maxHeld) {
      this.#refuse(task, offer)
      return undefined
    }
    const delivery = new LeasedDelivery(this.#context, this, { key, task, offer })
    this.#held.add(delivery)
    if (!mayBegin) delivery.hold()
    return delivery
  }

  /** Begins what may be begun; called when something came or credit was given back. */
  pump(): void {
    for (let delivery = this.#next(); delivery; delivery = this.#next()) {
      this.#begun.add(delivery)
      this.#credit.take()
      this.#options.pool?.take()
      delivery.begin(this.#options.handler)
    }
  }

  onEnd(delivery: LeasedDelivery): void {
    this.#held.delete(delivery)
    if (this.#begun.delete(delivery)) {
      this.#credit.giveBack()
      this.#options.pool?.giveBack()
    }
    this.#host.onEnd(this, delivery)
  }

  onComplete(delivery: LeasedDelivery, complete: CompleteEvent): void {
    this.#host.onComplete(delivery, complete)
  }

  /** Its caller keeps no queue, so this worker offers it again itself; past the last attempt it fails. */
  async onHandOn(
    { task, attempt }: LeasedDelivery,
    { delayMs = 0, failed = false, error }: ReleaseOptions,
  ): Promise<void> {
    const { relay, host, timers } = this.#context
    if (failed && attempt >= task.attempts) {
      const { route, tid } = task
      const failure = error && { error }
      const base = { route, tid, client: host.client, host: host.host, workgroup: this.workgroup }
      return relay.publish({
        ...base,
        action: 'complete',
        status: 'failed',
        attempt,
        codec: 'json',
        ...failure,
      })
    }
    const again = async (): Promise<void> => {
      await relay.send(task, { attempt: attempt + 1, only: this.workgroup })
    }
    if (delayMs === 0) return again()
    timers.set(delayMs, () => {
      again().catch((thrown: unknown) =>
        host.logger.warn('a task was not handed on', { tid: task.tid, error: thrown }),
      )
    })
  }

  /** No new deliveries; what the handler has not seen goes back at once, what was begun stays until it is settled. */
  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    const starting = this.#begun.items().filter(({ status }) => status === 'starting')
    const unseen = [...this.#held.items(), ...starting].map(async (delivery) => delivery.giveBack())
    await Promise.allSettled([this.subscription?.close(), ...unseen])
  }

  /** Begins nothing more. */
  stop(): void {
    this.#isClosed = true
  }

  /** Gives everything back: the transport closes. */
  async abandon(): Promise<void> {
    this.stop()
    await Promise.allSettled(
      [...this.#held.items(), ...this.#begun.items()].map(async (delivery) => delivery.giveBack()),
    )
  }

  #next(): LeasedDelivery | undefined {
    return this.#mayBegin() ? this.#held.oldest : undefined
  }

  #mayBegin(): boolean {
    return !this.#isClosed && this.#credit.isFree && (this.#options.pool?.isFree ?? true)
  }

  #refuse({ route, tid }: TaskMessage, { replyTo, attempt }: Offer): void {
    if (replyTo !== undefined) {
      say(this.#context, replyTo, { kind: 'busy', route, tid, workgroup: this.workgroup, attempt })
      return
    }
    this.#context.host.logger.warn('a task was dropped: no room, and its caller cannot be told', { tid })
  }
}
