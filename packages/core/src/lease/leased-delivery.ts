import type { Timer } from '../clock.ts'
import { errorFromShape } from '../error-shape.ts'
import { AetherError, type ErrorShape } from '../errors.ts'
import type { Linked, LinkedList } from '../table/linked-list.ts'
import type { TidEntry } from '../table/tid-table.ts'
import type { CompleteEvent, Delivery, ReleaseOptions, StatusEvent, TaskMessage } from '../transport.ts'
import { checkSize } from './check-input.ts'
import { leaseLost } from './endings.ts'
import { announce, say, type LeaseContext } from './lease-context.ts'
import type { Offer, Signal } from './relay.ts'

/** What the consumer of a delivery does with it as it goes. */
export interface DeliveryOwner {
  readonly workgroup: string
  readonly leaseMs: number
  /** It is over for this worker, whoever ended it. */
  onEnd(delivery: LeasedDelivery): void
  /** Its completion was accepted. */
  onComplete(delivery: LeasedDelivery, complete: CompleteEvent): void
  /** A peer that cannot take it back gave it: offer it to others. */
  onHandOn(delivery: LeasedDelivery, options: ReleaseOptions): Promise<void>
}

type Status = 'held' | 'starting' | 'running' | 'settling' | 'ended'

interface Pending {
  readonly resolve: () => void
  readonly reject: (error: AetherError) => void
}

interface Settling extends Pending {
  /** When the lease would have ended. */
  readonly endsAt: number
}

interface Renewal {
  readonly promise: Promise<void>
  readonly pending: Pending
}

/**
 * One attempt of one task at its worker. It lives by the worker's own clock: the lease ends `leaseMs` after the last renewal that the caller confirmed was
 * sent, so always before the caller gives the task to another.
 */
export class LeasedDelivery implements Delivery, Linked<LeasedDelivery>, TidEntry<LeasedDelivery> {
  /** Of its task in its workgroup. */
  readonly key: string
  tableHash = 0
  tableNext: LeasedDelivery | undefined
  list: LinkedList<LeasedDelivery> | undefined
  older: LeasedDelivery | undefined
  newer: LeasedDelivery | undefined
  readonly task: TaskMessage
  readonly attempt: number
  /** Inbox of the caller; undefined for a peer that knows none: then there is no lease to lose. */
  readonly replyTo: string | undefined
  /** How often its task had been offered. */
  readonly sends: number
  readonly #context: LeaseContext
  readonly #owner: DeliveryOwner
  #isForgotten = false
  #isKnown = false
  #isReleased = false
  #status: Status = 'held'
  #endsAt: number
  #leaseTimer: Timer | undefined
  #acceptTimer: Timer | undefined
  #retryTimer: Timer | undefined
  #seq = 0
  #renewSentAt = 0
  #renewing: Renewal | undefined
  #settling: Settling | undefined
  #reason: AetherError | undefined
  #onRevoke: ((reason: AetherError) => void) | undefined

  constructor(
    context: LeaseContext,
    owner: DeliveryOwner,
    given: { readonly key: string; readonly task: TaskMessage; readonly offer: Offer },
  ) {
    this.key = given.key
    this.task = given.task
    this.attempt = given.offer.attempt
    this.replyTo = given.offer.replyTo
    this.sends = given.offer.sends ?? 1
    this.#context = context
    this.#owner = owner
    this.#endsAt = context.settings.clock.monotonic() + owner.leaseMs
    if (this.replyTo !== undefined) this.#watchLease()
  }

  get status(): Status {
    return this.#status
  }

  /** Never begun, and perhaps unknown to its caller: the same offer may come again and be begun. */
  get isForgotten(): boolean {
    return this.#isForgotten
  }

  /** Its caller has answered: from now on it offers a newer attempt, and this one no more. */
  get isKnown(): boolean {
    return this.#isKnown
  }

  /** Waits behind others for credit; the lease layer renews it meanwhile. */
  hold(): void {
    if (this.replyTo === undefined) return
    this.#renewHeld()
  }

  /** Goes to the handler: now or, where it was offered before, once the `accept` is out, so that a task that kills its worker leaves a trace. */
  begin(handler: (delivery: Delivery) => void): void {
    this.#retryTimer?.cancel()
    if (this.replyTo !== undefined && this.sends > 1) return this.#acceptFirst(this.replyTo, handler)
    this.#status = 'running'
    if (this.replyTo === undefined) this.#acceptByTopic()
    else this.#acceptSoon()
    handler(this)
  }

  /** Says again where it stands: its first word may have been lost. */
  repeat(): void {
    if (this.#status === 'held') this.#say({ kind: 'hold', leaseMs: this.#owner.leaseMs, seq: this.#seq })
    else if (this.#status === 'running' || this.#status === 'starting')
      this.#say({ kind: 'accept', leaseMs: this.#owner.leaseMs })
  }

  onRevoke(handler: (reason: AetherError) => void): void {
    if (this.#reason) handler(this.#reason)
    else this.#onRevoke = handler
  }

  async renew(): Promise<void> {
    this.#mustRun()
    if (this.replyTo === undefined) return
    this.#renewing ??= this.#startRenewal()
    return this.#renewing.promise
  }

  async report(event: StatusEvent): Promise<void> {
    this.#mustRun()
    checkSize(event.body, this.#context.relay.capabilities.maxPayloadBytes)
    if (this.replyTo === undefined) return this.#context.relay.publish(event)
    announce(this.#context, event)
    this.#acceptTimer?.cancel()
    const signal = this.#signal({ kind: 'status', leaseMs: this.#owner.leaseMs, event })
    await this.#context.relay.signal(this.replyTo, signal)
    if (this.#reason) throw lostError(this.#reason)
  }

  async ack(complete: CompleteEvent, options: { readonly deadLetter?: boolean } = {}): Promise<void> {
    this.#mustRun()
    checkSize(complete.body, this.#context.relay.capabilities.maxPayloadBytes)
    if (this.replyTo === undefined) {
      await this.#context.relay.publish(complete)
      this.#owner.onComplete(this, complete)
      return this.#end()
    }
    const deadLetter = options.deadLetter === true && { deadLetter: true }
    await this.#settle({ kind: 'complete', event: complete, ...deadLetter })
    this.#owner.onComplete(this, complete)
  }

  async release(options: ReleaseOptions = {}): Promise<void> {
    this.#mustRun()
    if (this.replyTo === undefined) {
      this.#end()
      return this.#owner.onHandOn(this, options)
    }
    this.#isReleased = true
    await this.#settle({ kind: 'release', ...releaseFields(options) })
  }

  /** Gives it back without waiting for an answer: the worker leaves, or lets go of what it only held. */
  async giveBack(): Promise<void> {
    const { replyTo } = this
    const signal = this.#signal({ kind: 'release', failed: false, delayMs: 0 })
    const isOpen = this.#status !== 'settling' && this.#status !== 'ended'
    this.lose(leaseLost)
    if (!isOpen) return
    if (replyTo === undefined) await this.#owner.onHandOn(this, {})
    else await this.#context.relay.signal(replyTo, signal)
  }

  /** Takes the caller's answer. */
  hear(signal: Signal): void {
    if (signal.attempt !== this.attempt) return
    this.#isKnown = true
    switch (signal.kind) {
      case 'renewed':
        return this.#renewed(signal)
      case 'confirm':
        if (this.#status !== 'settling') return
        this.#settling?.resolve()
        return this.#end()
      case 'revoke':
        return this.lose(signal.error ?? leaseLost)
      default:
    }
  }

  /** The lease is gone; the handler learns it unless the worker itself is settling. */
  lose(error: ErrorShape): void {
    if (this.#status === 'ended') return
    const wasRunning = this.#status === 'running'
    const reason = errorFromShape(error)
    this.#reason = reason
    this.#settling?.reject(lostError(reason))
    this.#renewing?.pending.reject(lostError(reason))
    this.#end()
    const handler = this.#onRevoke
    this.#onRevoke = undefined
    if (wasRunning) handler?.(reason)
  }

  /** Its caller offers a newer attempt: it gave up on this one, or took it back and its confirmation was overtaken. */
  overtaken(): void {
    this.#isKnown = true
    if (this.#status !== 'settling' || !this.#isReleased) return this.lose(leaseLost)
    this.#settling?.resolve()
    this.#end()
  }

  /** It is as if it had not come. */
  #forget(): void {
    this.#isForgotten = true
    this.lose(leaseLost)
  }

  #end(): void {
    if (this.#status === 'ended') return
    this.#status = 'ended'
    this.#leaseTimer?.cancel()
    this.#acceptTimer?.cancel()
    this.#retryTimer?.cancel()
    // Settled while a renewal was under way: the lease is over, and it was in time.
    this.#renewing?.pending.resolve()
    this.#renewing = undefined
    this.#owner.onEnd(this)
  }

  #acceptSoon(): void {
    this.#acceptTimer = this.#context.timers.set(this.#context.settings.acceptDelayMs, () => this.repeat())
  }

  /** Status 0 is what a peer without an inbox knows as an accept. */
  #acceptByTopic(): void {
    const { host, relay } = this.#context
    const { route, tid } = this.task
    const { workgroup } = this.#owner
    const base = { route, tid, client: host.client, host: host.host, workgroup, attempt: this.attempt }
    const status = {
      ...base,
      action: 'status',
      status: 'initialized',
      progress: 0,
      seq: 0,
      codec: 'json',
    } as const
    relay.publish(status).catch((error: unknown) => {
      host.logger.debug('an accept was not published', { tid, error })
    })
  }

  #acceptFirst(replyTo: string, handler: (delivery: Delivery) => void): void {
    this.#status = 'starting'
    const signal = this.#signal({ kind: 'accept', leaseMs: this.#owner.leaseMs })
    this.#context.relay.signal(replyTo, signal).then(
      () => {
        if (this.#status !== 'starting') return
        this.#status = 'running'
        handler(this)
      },
      (error: unknown) => {
        this.#context.host.logger.debug('a task was not begun: its accept was not sent', {
          tid: this.task.tid,
          error,
        })
        if (this.#status === 'starting') this.#forget()
      },
    )
  }

  #mustRun(): void {
    const { clock } = this.#context.settings
    // A process that stood still may come here before the timer that ends the lease.
    if (this.#status === 'running' && this.replyTo !== undefined && clock.monotonic() >= this.#endsAt)
      this.lose(leaseLost)
    if (this.#status !== 'running') throw lostError(this.#reason)
  }

  #say(signal: PartialSignal): void {
    if (this.replyTo !== undefined) say(this.#context, this.replyTo, this.#signal(signal))
  }

  #signal(signal: PartialSignal): Signal {
    const { route, tid } = this.task
    const { workgroup } = this.#owner
    return { route, tid, workgroup, attempt: this.attempt, from: this.#context.relay.inbox, ...signal }
  }

  // The lease

  #watchLease(): void {
    this.#leaseTimer?.cancel()
    const leftMs = this.#endsAt - this.#context.settings.clock.monotonic()
    this.#leaseTimer = this.#context.timers.set(leftMs, () => {
      if (this.#status === 'starting') this.#forget()
      else this.lose(leaseLost)
    })
  }

  #startRenewal(): Renewal {
    let pending!: Pending
    const promise = new Promise<void>((resolve, reject) => {
      pending = { resolve, reject }
    })
    this.#seq += 1
    this.#acceptTimer?.cancel()
    this.#renewSentAt = this.#context.settings.clock.monotonic()
    this.#repeatUntilAnswered({ kind: 'renew', leaseMs: this.#owner.leaseMs, seq: this.#seq })
    return { promise, pending }
  }

  /** Each repetition says the same, so the lease counts from the first one. */
  #repeatUntilAnswered(signal: PartialSignal, tries: number = 0): void {
    if (this.replyTo !== undefined) say(this.#context, this.replyTo, this.#signal(signal), this.#tooLarge)
    const waitMs = this.#context.settings.retryMs * 2 ** Math.min(tries, 3)
    this.#retryTimer?.cancel()
    this.#retryTimer = this.#context.timers.set(waitMs, () => this.#repeatUntilAnswered(signal, tries + 1))
  }

  #renewHeld(): void {
    this.#seq += 1
    this.#renewSentAt = this.#context.settings.clock.monotonic()
    this.repeat()
    this.#retryTimer = this.#context.timers.set(this.#owner.leaseMs / 3, () => this.#renewHeld())
  }

  #renewed({ seq }: Signal): void {
    // The answer to an earlier one would make the lease longer here than at the caller.
    if (seq !== this.#seq || (this.#status !== 'held' && this.#status !== 'running')) return
    this.#endsAt = this.#renewSentAt + this.#owner.leaseMs
    this.#watchLease()
    if (!this.#renewing) return
    this.#retryTimer?.cancel()
    this.#renewing.pending.resolve()
    this.#renewing = undefined
  }

  // The end

  /** Repeats the worker's last word until the caller confirms or refuses it, for one lease at most. */
  #settle(signal: PartialSignal): Promise<void> {
    this.#status = 'settling'
    this.#acceptTimer?.cancel()
    const endsAt = this.#endsAt
    this.#endsAt = this.#context.settings.clock.monotonic() + this.#owner.leaseMs
    this.#watchLease()
    const settled = new Promise<void>((resolve, reject) => {
      this.#settling = { resolve, reject, endsAt }
    })
    this.#repeatUntilAnswered(signal)
    return settled
  }

  /** The caller heard nothing of the end: the lease is what it was, and something shorter may be said instead. */
  readonly #tooLarge = (error: AetherError): void => {
    const settling = this.#settling
    if (this.#status !== 'settling' || !settling) return
    this.#status = 'running'
    this.#settling = undefined
    this.#retryTimer?.cancel()
    this.#endsAt = settling.endsAt
    this.#watchLease()
    this.repeat()
    if (this.#renewing)
      this.#repeatUntilAnswered({ kind: 'renew', leaseMs: this.#owner.leaseMs, seq: this.#seq })
    settling.reject(error)
  }
}

type PartialSignal = Omit<Signal, 'attempt' | 'from' | 'route' | 'tid' | 'workgroup'>

function releaseFields({ delayMs = 0, failed = false, error }: ReleaseOptions): Omit<PartialSignal, 'kind'> {
  return { delayMs, failed, ...(error && { error }) }
}

/** What a call on a lost lease rejects with: always the one code, its cause says why it was lost. */
function lostError(reason: AetherError | undefined): AetherError {
  if (reason?.code === 'ERR_AETHER_LEASE_LOST') return reason
  const why = reason?.message ?? 'it was settled before'
  return new AetherError('ERR_AETHER_LEASE_LOST', `the lease is gone: ${why}`, { cause: reason })
}
