import { TidTable } from '../table/tid-table.ts'
import type { CompleteEvent, ConsumeOptions, Consumer, Delivery, Route, TaskMessage } from '../transport.ts'
import { BoundedMap } from './bounded-map.ts'
import { CreditPool } from './credit-pool.ts'
import { LeaseConsumer, type ConsumerHost } from './lease-consumer.ts'
import { say, type LeaseContext } from './lease-context.ts'
import type { LeasedDelivery } from './leased-delivery.ts'
import { taskKey } from './open-task.ts'
import type { Offer, Signal } from './relay.ts'

/** How long a cancel is remembered for offers still on their way. */
const tombstoneMs = 60_000

interface Pool {
  readonly credit: CreditPool
  readonly members: Set<LeaseConsumer>
}

/** What of a delivery tells its offer again. */
interface Ended {
  readonly attempt: number
  readonly replyTo: string | undefined
  readonly deadline: number
  readonly sends: number
  readonly isKnown: boolean
}

/** The worker's side: takes each offer once, whatever comes twice or late, and remembers what it finished. */
export class Acceptor implements ConsumerHost {
  readonly #context: LeaseContext
  readonly #consumers = new Set<LeaseConsumer>()
  readonly #pools = new Map<string, Pool>()
  /** By workgroup and task. */
  readonly #active = new TidTable<LeasedDelivery>()
  readonly #finished: BoundedMap<CompleteEvent>
  readonly #tombstones: BoundedMap<string>
  /** Attempts that ended here: a copy of their offer that comes late is not theirs to begin again. */
  readonly #ended: BoundedMap<Ended>

  constructor(context: LeaseContext) {
    const { clock, maxResults: max, resultTtlMs } = context.settings
    this.#context = context
    this.#finished = new BoundedMap({ clock, max, ttlMs: resultTtlMs })
    this.#tombstones = new BoundedMap({ clock, max, ttlMs: Math.min(tombstoneMs, resultTtlMs) })
    this.#ended = new BoundedMap({ clock, max, ttlMs: Math.min(tombstoneMs, resultTtlMs) })
  }

  /** Deliveries in hand and consumers that still have some. */
  get size(): number {
    return this.#active.size
  }

  async consume(
    route: Route,
    consume: ConsumeOptions,
    handler: (delivery: Delivery) => void,
  ): Promise<Consumer> {
    const pool = consume.pool && this.#join(consume.pool)
    const consumer = new LeaseConsumer(this.#context, this, { route, consume, pool: pool?.credit, handler })
    pool?.members.add(consumer)
    this.#consumers.add(consumer)
    try {
      const { workgroup } = consume
      consumer.subscription = await this.#context.relay.consume(route, { workgroup }, (task, offer) => {
        this.#offered(consumer, task, offer)
      })
    } catch (error) {
      await consumer.close()
      this.#leave(consumer)
      throw error
    }
    return {
      close: async () => {
        await consumer.close()
        if (consumer.isIdle) this.#leave(consumer)
      },
    }
  }

  /** Takes a caller's answer. */
  hear(signal: Signal): void {
    this.#active.get(activeKey(signal.workgroup, signal.route.union, signal.tid))?.hear(signal)
  }

  /** Somebody cancelled a task; its caller may not have heard. */
  cancel({ route, tid, from }: Signal, reason: string): void {
    const key = taskKey(route.union, tid)
    this.#tombstones.set(key, reason)
    const error = { code: 'ERR_AETHER_TASK_CANCELLED', message: reason, retryable: false }
    for (const { workgroup } of new Set(this.#consumers)) {
      const delivery = this.#active.get(activeKey(workgroup, route.union, tid))
      if (!delivery) continue
      // Its caller may not know yet that it was begun, or not have heard of the cancel.
      if (delivery.replyTo !== undefined && delivery.replyTo === from) delivery.repeat()
      else this.#sayCancelled(delivery.task, { workgroup, delivery, reason })
      delivery.lose(error)
    }
  }

  /** Gives back all that is in hand. */
  async close(): Promise<void> {
    // First all, so that what one gives back is not begun by the next.
    for (const consumer of this.#consumers) consumer.stop()
    await Promise.allSettled([...this.#consumers].map(async (consumer) => consumer.abandon()))
    this.#consumers.clear()
    this.#pools.clear()
    this.#active.clear()
    this.#finished.clear()
    this.#tombstones.clear()
    this.#ended.clear()
  }

  onEnd(consumer: LeaseConsumer, delivery: LeasedDelivery): void {
    this.#active.delete(delivery)
    const { key, attempt, replyTo, sends, isKnown, task } = delivery
    if (!delivery.isForgotten)
      this.#ended.set(key, { attempt, replyTo, sends, isKnown, deadline: task.deadline })
    if (consumer.isClosed && consumer.isIdle) this.#leave(consumer)
    consumer.pump()
    for (const member of this.#pools.get(consumer.poolId ?? '')?.members ?? []) member.pump()
  }

  onComplete({ key }: LeasedDelivery, complete: CompleteEvent): void {
    this.#finished.set(key, complete)
  }

  #offered(consumer: LeaseConsumer, task: TaskMessage, offer: Offer): void {
    const { workgroup } = consumer
    const { route, tid } = task
    if (offer.only !== undefined && offer.only !== workgroup) return
    const key = activeKey(workgroup, route.union, tid)
    const finished = this.#finished.get(key)
    if (finished) return this.#sayFinished(finished, workgroup, offer)
    const reason = this.#tombstones.get(taskKey(route.union, tid))
    if (reason !== undefined) {
      const { attempt, replyTo } = offer
      return this.#sayCancelled(task, { workgroup, delivery: { attempt, replyTo }, reason })
    }
    if (isStale(this.#ended.get(key), task, offer)) return
    const active = this.#active.get(key)
    if (active && !this.#yields(active, offer)) return
    if (consumer.isClosed) return this.#sayBusy(task, workgroup, offer)
    const delivery = consumer.take(task, { key, offer })
    if (!delivery) return
    this.#active.add(delivery)
    consumer.pump()
  }

  /** Whether what is in hand makes room for the offer; otherwise the offer is answered. */
  #yields(active: LeasedDelivery, offer: Offer): boolean {
    if (active.replyTo !== offer.replyTo) {
      // Another caller performs the same tid: once this one is finished, it will get the stored completion.
      this.#sayBusy(active.task, undefined, offer)
      return false
    }
    if (offer.attempt < active.attempt) return false
    if (offer.attempt === active.attempt) {
      active.repeat()
      return false
    }
    active.overtaken()
    return true
  }

  #sayFinished(complete: CompleteEvent, workgroup: string, { replyTo, attempt }: Offer): void {
    const { route, tid } = complete
    if (replyTo === undefined) return this.#tellByTopic(complete)
    say(this.#context, replyTo, {
      kind: 'complete',
      route,
      tid,
      workgroup,
      attempt,
      event: { ...complete, attempt },
    })
  }

  #sayCancelled(
    { route, tid }: TaskMessage,
    given: {
      readonly workgroup: string
      readonly delivery: Pick<LeasedDelivery, 'attempt' | 'replyTo'>
      readonly reason: string
    },
  ): void {
    const { workgroup, delivery, reason } = given
    const error = { code: 'ERR_AETHER_TASK_CANCELLED', message: reason, retryable: false }
    const { attempt } = delivery
    if (delivery.replyTo === undefined) {
      const { client, host } = this.#context.host
      const base = { route, tid, client, host, attempt, workgroup, codec: 'json', error } as const
      return this.#tellByTopic({ ...base, action: 'complete', status: 'cancelled' })
    }
    say(this.#context, delivery.replyTo, {
      kind: 'cancelled',
      route,
      tid,
      workgroup,
      attempt,
      error,
    })
  }

  /** A peer without an inbox hears its completion where everyone does. */
  #tellByTopic(complete: CompleteEvent): void {
    this.#context.relay.publish(complete).catch((error: unknown) => {
      this.#context.host.logger.debug('a completion was not published', { tid: complete.tid, error })
    })
  }

  #sayBusy(
    { route, tid, workgroup: named }: TaskMessage,
    workgroup: string | undefined,
    { replyTo, attempt }: Offer,
  ): void {
    if (replyTo === undefined) return
    say(this.#context, replyTo, { kind: 'busy', route, tid, workgroup: workgroup ?? named, attempt })
  }

  #join({ id, credit }: NonNullable<ConsumeOptions['pool']>): Pool {
    const known = this.#pools.get(id)
    if (known) return known
    const pool = { credit: new CreditPool(credit), members: new Set<LeaseConsumer>() }
    this.#pools.set(id, pool)
    return pool
  }

  #leave(consumer: LeaseConsumer): void {
    this.#consumers.delete(consumer)
    const pool = this.#pools.get(consumer.poolId ?? '')
    pool?.members.delete(consumer)
    if (pool?.members.size === 0) this.#pools.delete(consumer.poolId ?? '')
  }
}

/** The same offer as one that ended here, or an older one; performed anew, a tid has another deadline. */
function isStale(ended: Ended | undefined, { deadline }: TaskMessage, offer: Offer): boolean {
  if (!ended || offer.replyTo === undefined) return false
  if (ended.replyTo !== offer.replyTo || ended.deadline !== deadline) return false
  if (offer.attempt !== ended.attempt) return offer.attempt < ended.attempt
  // A caller that heard nothing of the attempt offers it again: that is no copy.
  return ended.isKnown || (offer.sends ?? 1) <= ended.sends
}

function activeKey(workgroup: string, union: string, tid: string): string {
  return `${workgroup}/${taskKey(union, tid)}`
}
