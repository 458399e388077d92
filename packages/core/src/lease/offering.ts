import { isAetherError } from '../errors.ts'
import { routeKey } from '../topic/topic.ts'
import type { WaitOptions } from '../transport.ts'
import { AnswerTimes } from './answer-times.ts'
import { nobodyEnding, refusedEnding, type Ending } from './endings.ts'
import type { LeaseContext } from './lease-context.ts'
import { OfferWindow } from './offer-window.ts'
import type { Hold } from './open-task.ts'
import type { Offer, SendOutcome } from './relay.ts'

/** Nobody waits for observers: a workgroup that answers nothing to so many offers has gone. */
const mostObserverSends = 5

/** Offers tasks to workers, again and again until somebody answers, so many at a time as the window lets out. */
export class Offering {
  readonly #context: LeaseContext
  /** Ends a task whose offer, for which no call waits, went nowhere: nobody is subscribed, or the engine refused it for good. */
  readonly #onEnding: (hold: Hold, ending: Ending) => void
  readonly #answers: AnswerTimes
  /** By route and workgroup; an empty one is forgotten. */
  readonly #windows = new Map<string, OfferWindow<Hold>>()

  constructor(context: LeaseContext, onEnding: (hold: Hold, ending: Ending) => void) {
    this.#context = context
    this.#onEnding = onEnding
    this.#answers = new AnswerTimes(context.settings)
  }

  /** How long an answer may take as things are. */
  get answerMs(): number {
    return this.#answers.delayMs(1)
  }

  /** Offers now, or when the window has room. */
  enter(hold: Hold): void {
    if (this.mayOffer(hold)) this.#offer(hold)
  }

  /** Whether the caller is to offer it now, with `offer`; otherwise it follows when the window has room. */
  mayOffer(hold: Hold): boolean {
    hold.status = 'waiting'
    const key = windowKey(hold)
    let window = hold.window ?? this.#windows.get(key)
    if (!window) {
      window = new OfferWindow<Hold>(this.#context.settings.window)
      this.#windows.set(key, window)
    }
    hold.window = window
    return window.enter(hold)
  }

  /** Sends one offer and sets the time of the next. */
  async offer(hold: Hold, options: WaitOptions = {}): Promise<SendOutcome> {
    const { relay, settings, timers } = this.#context
    const isFirst = hold.isNamed && hold.attempt === 1 && hold.sends === 0
    hold.status = 'offered'
    hold.holder = undefined
    hold.sends += 1
    hold.offers += 1
    hold.offeredAt = settings.clock.monotonic()
    hold.timer?.cancel()
    hold.timer = timers.set(this.#answers.delayMs(hold.sends), (lateMs) => this.#offerAgain(hold, lateMs))
    hold.sentAt = Infinity
    hold.foundNobody = false
    try {
      const outcome = await relay.send(hold.open.task, offerOf(hold, relay.inbox, isFirst), options)
      hold.foundNobody = outcome === 'nobody'
      return outcome
    } finally {
      hold.sentAt = settings.clock.monotonic()
    }
  }

  /** There is a new connection: what nobody answered is offered over it at once. */
  again(hold: Hold): void {
    const { clock, resendMs } = this.#context.settings
    if (!mayComeAgain(hold) || clock.monotonic() - hold.sentAt < resendMs / 4) return
    this.leave(hold)
    this.enter(hold)
  }

  /**
   * Somebody is subscribed by now: what went nowhere is offered soon, spread over a moment in which others may come too, or the first would take all. What may
   * be on its way is not, or two would begin it.
   */
  served(hold: Hold): void {
    if (!mayComeAgain(hold) || !hold.foundNobody) return
    const { settings, timers } = this.#context
    const { offers } = hold
    hold.foundNobody = false
    hold.timer?.cancel()
    hold.timer = timers.set(settings.resendMs * (0.25 + 0.75 * settings.random()), () => {
      if (!mayComeAgain(hold) || hold.offers !== offers) return
      this.leave(hold)
      this.enter(hold)
    })
  }

  /** It started, ended or waits for something else: others may go out. */
  leave(hold: Hold): void {
    const { window } = hold
    if (!window) return
    hold.window = undefined
    const next = window.leave(hold)
    if (next) return this.#offer(next)
    if (window.isEmpty) this.#windows.delete(windowKey(hold))
  }

  /** A worker had no room: again after a moment, which grows with each refusal. */
  refused(hold: Hold): void {
    const { settings, timers } = this.#context
    hold.refusals += 1
    hold.sends = Math.max(1, hold.sends - 1)
    hold.status = 'waiting'
    const backoffMs = Math.min(
      settings.resendMaxMs,
      (settings.resendMs / 8) * 2 ** Math.min(hold.refusals - 1, 16),
    )
    hold.timer?.cancel()
    hold.timer = timers.set(backoffMs * (0.5 + settings.random() / 2), () => this.enter(hold))
    this.leave(hold)
  }

  /** Learns how long an answer takes, from what was offered only once. */
  answered(hold: Hold): void {
    if (!hold.isNamed || hold.status !== 'offered' || hold.sends !== 1) return
    this.#answers.add(this.#context.settings.clock.monotonic() - hold.offeredAt)
  }

  clear(): void {
    this.#windows.clear()
  }

  #offer(hold: Hold): void {
    this.offer(hold).then(
      (outcome) => {
        if (foundNobody(hold, outcome)) this.#onEnding(hold, nobodyEnding(hold))
      },
      (error: unknown) => {
        if (isRefused(hold, error)) return this.#onEnding(hold, refusedEnding(error))
        this.#context.host.logger.debug('an offer was not sent', { tid: hold.open.task.tid, error })
      },
    )
  }

  /** Nobody answered in time. Where answers take longer by now than they did when it was offered, it waits on. */
  #offerAgain(hold: Hold, lateMs: number): void {
    if (hold.status !== 'offered') return
    const { settings, timers } = this.#context
    if (lateMs > settings.resendMs / 4) {
      // This process itself stood still: what was answered meanwhile is read first.
      hold.timer = timers.set(settings.resendMs / 4, () => this.#offerAgain(hold, 0))
      return
    }
    if (hold.sentAt === Infinity) {
      // It waits for a connection, say: a second one would only wait behind it.
      hold.timer = timers.set(settings.resendMs, (late) => this.#offerAgain(hold, late))
      return
    }
    const waitMs = hold.offeredAt + this.#answers.delayMs(hold.sends) / 1.25 - settings.clock.monotonic()
    if (waitMs > settings.resendMs / 4) {
      hold.timer = timers.set(waitMs, (late) => this.#offerAgain(hold, late))
      return
    }
    if (!hold.isNamed && hold.sends >= mostObserverSends) return this.#onEnding(hold, nobodyEnding(hold))
    // Others may go first: perhaps nobody serves this one.
    this.leave(hold)
    this.enter(hold)
  }
}

/** Whether it is out, and not only until the word of a worker on its cancelled task. */
function mayComeAgain({ status, open }: Hold): boolean {
  return status === 'offered' && open.cancelReason === undefined
}

/** Whether the first offer of a task that does not wait for workers went nowhere. */
export function foundNobody(hold: Hold, outcome: SendOutcome): boolean {
  const isUntouched = hold.isNamed && hold.status === 'offered' && hold.attempt === 1 && hold.sends === 1
  return outcome === 'nobody' && isUntouched && !hold.open.task.waitForWorkers
}

/** Whether the engine will never take a task that no worker began: each further offer would end as this one. */
function isRefused({ isNamed, begun, status }: Hold, error: unknown): boolean {
  return isNamed && begun === 0 && status === 'offered' && isAetherError(error) && !error.retryable
}

/** Observers take their copy of the first one; after that each workgroup is served for itself. */
function offerOf({ attempt, workgroup, offers }: Hold, replyTo: string, isFirst: boolean): Offer {
  // Who took it before may have died of it without a word.
  if (offers > 1)
    return isFirst
      ? { attempt, replyTo, sends: offers }
      : { attempt, replyTo, only: workgroup, sends: offers }
  return isFirst ? { attempt, replyTo } : { attempt, replyTo, only: workgroup }
}

function windowKey({ open, workgroup }: Hold): string {
  return `${routeKey(open.task.route)}#${workgroup}`
}
