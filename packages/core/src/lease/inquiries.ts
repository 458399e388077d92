import type { Timer } from '../clock.ts'
import { AetherError } from '../errors.ts'
import { abortable } from '../state/abortable.ts'
import type { CompleteEvent, Route, WaitOptions } from '../transport.ts'
import { isCutOff, say, type LeaseContext } from './lease-context.ts'
import { taskKey } from './open-task.ts'
import { everyone, type Signal } from './relay.ts'

interface Question {
  /** Calls that wait for the answer. */
  askers: number
  readonly promise: Promise<void>
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
  /** Looks at a connection that was not there. */
  cutOff: number
  timer: Timer | undefined
}

interface Followed {
  readonly route: Route
  readonly tid: string
  /** Inbox of the instance that sent the task. */
  owner: string
  workgroup: string
  /** Polls since the owner last spoke. */
  silence: number
  timer: Timer | undefined
}

/** Polls without an answer after which the sender of a followed task counts as gone. */
const maxSilence = 5
const asks = 4
/** So many times as long as for an answer a question waits for a connection. */
const mostCutOff = 10

/**
 * What this instance asks about tasks that another one sent: `attach` follows them, `cancel` ends them. The question goes to everyone, a few times within
 * `queryMs`; a followed task is asked for until its end, so that neither a lost completion nor a sender that died leaves anyone waiting.
 */
export class Inquiries {
  readonly #context: LeaseContext
  readonly #questions = new Map<string, Question>()
  readonly #followed = new Map<string, Followed>()

  constructor(context: LeaseContext) {
    this.#context = context
  }

  get size(): number {
    return this.#questions.size + this.#followed.size
  }

  async attach(route: Route, tid: string, options: WaitOptions): Promise<void> {
    const key = taskKey(route.union, tid)
    if (this.#followed.has(key)) return
    const { maxAttached } = this.#context.settings
    if (this.size >= maxAttached && !this.#questions.has(`attach ${key}`)) {
      const message = `${maxAttached} tasks of other instances are followed or asked for already`
      throw new AetherError('ERR_AETHER_QUEUE_FULL', message, { retryable: true })
    }
    await this.#ask({ kind: 'attach', route, tid, workgroup: '', attempt: 0 }, options)
  }

  async cancel(route: Route, tid: string, given: WaitOptions & { readonly reason: string }): Promise<void> {
    const error = { code: 'ERR_AETHER_TASK_CANCELLED', message: given.reason, retryable: false }
    await this.#ask({ kind: 'cancel', route, tid, workgroup: '', attempt: 0, error }, given)
  }

  /** Takes an answer, or news of a followed task. */
  hear(signal: Signal): void {
    const key = taskKey(signal.route.union, signal.tid)
    switch (signal.kind) {
      case 'stopped':
        return this.#questions.get(`cancel ${key}`)?.resolve()
      case 'over':
        return this.#questions.get(`cancel ${key}`)?.reject(unknownTask(signal.tid))
      case 'attached':
        return this.#attached(key, signal)
      case 'settled':
        return this.#settled(key, signal)
      default:
    }
  }

  close(error: AetherError): void {
    for (const question of this.#questions.values()) question.reject(error)
    this.#questions.clear()
    this.#followed.clear()
  }

  async #ask(signal: Signal, { signal: aborted }: WaitOptions): Promise<void> {
    aborted?.throwIfAborted()
    const key = `${signal.kind} ${taskKey(signal.route.union, signal.tid)}`
    const question = this.#questions.get(key) ?? this.#begin(key, signal)
    question.askers += 1
    try {
      await abortable(question.promise, aborted)
    } finally {
      question.askers -= 1
      if (question.askers === 0) {
        question.timer?.cancel()
        if (this.#questions.get(key) === question) this.#questions.delete(key)
      }
    }
  }

  #begin(key: string, signal: Signal): Question {
    const question = newQuestion()
    this.#questions.set(key, question)
    this.#repeat(question, signal, asks)
    return question
  }

  #repeat(question: Question, signal: Signal, left: number): void {
    const { settings, timers } = this.#context
    const waitMs = settings.queryMs / asks
    if (isCutOff(this.#context)) {
      // Nobody is asked, so that nobody answers says nothing.
      if (++question.cutOff > mostCutOff * asks)
        return question.reject(notAsked(signal.tid, mostCutOff * settings.queryMs))
      question.timer = timers.set(waitMs, () => this.#repeat(question, signal, left))
      return
    }
    if (left === 0)
      return question.reject(signal.kind === 'attach' ? notStored(signal.tid) : unknownTask(signal.tid))
    say(this.#context, everyone, signal)
    question.timer = timers.set(waitMs, () => this.#repeat(question, signal, left - 1))
  }

  #attached(key: string, signal: Signal): void {
    const question = this.#questions.get(`attach ${key}`)
    let followed = this.#followed.get(key)
    if (!followed) {
      if (!question || signal.from === undefined) return
      const { route, tid, from: owner, workgroup } = signal
      followed = { route, tid, owner, workgroup, silence: 0, timer: undefined }
      this.#followed.set(key, followed)
    }
    question?.resolve()
    followed.silence = 0
    this.#watch(key, followed)
    if (signal.event?.action === 'status') this.#context.host.onEvent(signal.event)
  }

  #settled(key: string, { event }: Signal): void {
    if (event?.action !== 'complete') return
    const question = this.#questions.get(`attach ${key}`)
    if (!question && !this.#followed.has(key)) return
    question?.resolve()
    this.#finish(key, event)
  }

  #watch(key: string, followed: Followed): void {
    followed.timer?.cancel()
    followed.timer = this.#context.timers.set(this.#context.settings.queryMs, () => {
      if (!isCutOff(this.#context)) followed.silence += 1
      if (followed.silence > maxSilence) return this.#finish(key, this.#lost(followed))
      const { route, tid, workgroup, owner } = followed
      say(this.#context, owner, { kind: 'attach', route, tid, workgroup, attempt: 0 })
      this.#watch(key, followed)
    })
  }

  #finish(key: string, complete: CompleteEvent): void {
    this.#followed.get(key)?.timer?.cancel()
    this.#followed.delete(key)
    this.#context.host.onEvent(complete)
  }

  #lost({ route, tid, workgroup }: Followed): CompleteEvent {
    const { client, host } = this.#context.host
    const message = 'the instance that sent the task does not answer any more'
    const error = { code: 'ERR_AETHER_TRANSPORT_LOST', message, retryable: true }
    return {
      action: 'complete',
      route,
      tid,
      client,
      host,
      status: 'failed',
      attempt: 0,
      workgroup,
      codec: 'json',
      error,
    }
  }
}

function newQuestion(): Question {
  let resolve!: () => void
  let reject!: (error: unknown) => void
  const promise = new Promise<void>((onResolve, onReject) => {
    resolve = onResolve
    reject = onReject
  })
  return { askers: 0, promise, resolve, reject, cutOff: 0, timer: undefined }
}

function notAsked(tid: string, waitedMs: number): AetherError {
  const message = `task ${tid}: nobody was asked, as there was no connection within ${waitedMs} ms`
  return new AetherError('ERR_AETHER_CONNECT_TIMEOUT', message, { retryable: true, detail: { tid } })
}

/** Whoever knew it may be gone: there is no store to ask. */
function notStored(tid: string): AetherError {
  const message = `task ${tid}: no instance that performed it answered, and this engine stores no results`
  return new AetherError('ERR_AETHER_CAPABILITY_UNSUPPORTED', message, {
    detail: { tid, capability: 'results' },
  })
}

export function unknownTask(tid: string): AetherError {
  return new AetherError('ERR_AETHER_TASK_UNKNOWN', `task ${tid} is not open anywhere that answered`, {
    detail: { tid },
  })
}
