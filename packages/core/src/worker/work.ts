import type { PerformOptions, Run } from '../client/run.ts'
import type { TidEntry } from '../table/tid-table.ts'
import type { WheelEntry } from '../app/wheel.ts'
import { optionsInvalid } from '../app/check-options.ts'
import type { TaskDefinition, TaskInput, TaskOutput, TaskProgress } from '../define/task-definition.ts'
import { isPromiseLike, validate } from '../define/validate.ts'
import { isRetryable, textOf, toErrorShape } from '../error-shape.ts'
import { AetherError, isAetherError } from '../errors.ts'
import { runChain } from '../middleware/compose.ts'
import { traceHeaders } from '../trace/traceparent.ts'
import type { CompleteEvent, Delivery, ReleaseOptions, StatusEvent } from '../transport.ts'
import { nestedOptions } from './nested-options.ts'
import type { Completion, Registration, WorkHost } from './work-host.ts'
import { WorkContext } from './work-context.ts'
import { afterTheEnd, isTooLarge, maxDelayMs, outputTooLarge, rateLimitOf } from './work-errors.ts'
import type { TaskContext } from './worker.ts'

type Writable<T> = { -readonly [K in keyof T]: T[K] }

/**
 * One delivery in a worker's hands: the handler's context, and the entry in the worker's wheel, in one object. It settles its delivery exactly once; what the
 * handler does after that has no effect.
 */
export class Work extends WorkContext implements TaskContext, WheelEntry<Work>, TidEntry<Work> {
  wheelNext: Work | undefined = undefined
  wheelPrevious: Work | undefined = undefined
  wheelDueMs = 0
  wheelBucket = -1
  tableHash = 0
  tableNext: Work | undefined = undefined

  /** Under which its worker finds it: its tid, until a newer attempt of the same task takes that place. */
  key: string
  /** What it is being settled with. */
  completion: CompleteEvent | undefined = undefined
  readonly registration: Registration
  /** Monotonic milliseconds; Infinity where there is no such limit. */
  readonly #deadlineAtMs: number
  readonly #timeoutAtMs: number
  #renewAtMs: number
  #percent = 0
  #seq = 0
  #isSettled = false
  #isHandlerRunning = false
  #isSettling = false
  #isEnded = false

  constructor(host: WorkHost, registration: Registration, delivery: Delivery, nowMs: number) {
    super(host, delivery)
    this.registration = registration
    this.key = delivery.task.tid
    const { attemptTimeoutMs, leaseMs } = registration
    this.#renewAtMs = nowMs + leaseMs / 3
    this.#timeoutAtMs = attemptTimeoutMs > 0 ? nowMs + attemptTimeoutMs : Infinity
    this.#deadlineAtMs = nowMs + Math.max(0, delivery.task.deadline - host.clock.now())
  }

  progress(data: unknown): Promise<void> {
    return this.#report('progress', data)
  }

  status(percent: number, data?: unknown): Promise<void> {
    if (typeof percent !== 'number' || !(percent >= 0 && percent <= 100)) {
      return quiet(Promise.reject(optionsInvalid('ctx.status', 'percent', 'a number from 0 to 100', percent)))
    }
    this.#percent = percent
    return this.#report('progress', data)
  }

  perform<D extends TaskDefinition>(
    definition: D,
    input: TaskInput<D>,
    options: PerformOptions = {},
  ): Run<TaskOutput<D>, TaskProgress<D>> {
    const nested = nestedOptions(this, definition, options, this.host.channel)
    return this.host.performer.perform(definition, input, nested, true) as Run<TaskOutput<D>, TaskProgress<D>>
  }

  /** Starts the handler, or ends the delivery where there is nothing to start. */
  begin(nowMs: number): void {
    this.#schedule(nowMs)
    this.delivery.onRevoke((reason) => this.revoked(reason))
    if (this.#isSettled) return this.#ended()
    if (this.host.announce) void this.#report('initialized', undefined)
    try {
      const { task } = this.delivery
      const input = this.registration.plan.codecs.named(task.codec).decode(task.body)
      const { definition } = this.registration.plan
      const validated = definition.input === undefined ? input : validate(definition, 'input', input)
      if (!isPromiseLike(validated)) return this.#handle(validated)
      this.#isHandlerRunning = true
      validated.then((value) => this.#handle(value)).then(undefined, (error: unknown) => this.#threw(error))
    } catch (error) {
      this.#threw(error)
    }
  }

  /** The engine took the task away: its end is not ours to tell any more. */
  revoked(reason: AetherError): void {
    if (this.#isSettled) return
    this.#isSettled = true
    this.host.counts.returned += 1
    this.host.wheel.remove(this)
    this.abort(reason)
    this.#ended()
  }

  /** Tells the handler that the worker stops. */
  shutDown(reason: AetherError): void {
    if (!this.#isSettled) this.abort(reason)
  }

  /** Returns the task unfinished, for another worker; does not count as a failed attempt. */
  giveBack(): Promise<void> {
    return this.#release({ failed: false })
  }

  /** Its time in the wheel has come: renewal, attempt timeout or deadline. */
  due(nowMs: number): void {
    if (this.#isSettled) return
    if (nowMs >= this.#deadlineAtMs) return this.#expire()
    if (nowMs >= this.#timeoutAtMs) return this.#timeOut()
    this.#renewAtMs = nowMs + this.registration.leaseMs / 3
    this.#schedule(nowMs)
    this.delivery.renew().then(undefined, (error: unknown) => {
      if (isAetherError(error) && error.code === 'ERR_AETHER_LEASE_LOST') this.revoked(error)
      else this.host.logger.debug('renewing a lease failed', { tid: this.tid, error: textOf(error) })
    })
  }

  #schedule(nowMs: number): void {
    this.host.wheel.add(this, Math.min(this.#renewAtMs, this.#timeoutAtMs, this.#deadlineAtMs), nowMs)
  }

  #handle(input: unknown): void {
    if (this.#isSettled) return this.#handlerEnded()
    this.#isHandlerRunning = true
    let output: unknown
    try {
      output =
        this.host.middleware.length === 0
          ? this.registration.handler(input, this)
          : this.#handleThrough(input)
    } catch (error) {
      return this.#threw(error)
    }
    if (!isPromiseLike(output)) return this.#returned(output)
    output.then(
      (value) => this.#returned(value),
      (error: unknown) => this.#threw(error),
    )
  }

  #handleThrough(input: unknown): Promise<unknown> {
    const { definition } = this.registration.plan
    const headers = { ...this.headers }
    this.headers = headers
    const { tid, route, workgroup, attempt } = this
    const call = { side: 'worker' as const, definition, route, tid, workgroup, attempt, input, headers }
    return runChain(this.host.middleware, call, async () => this.registration.handler(call.input, this))
  }

  #returned(value: unknown): void {
    if (this.#isSettled) return this.#handlerEnded()
    try {
      const { definition } = this.registration.plan
      const output = definition.output === undefined ? value : validate(definition, 'output', value)
      if (!isPromiseLike(output)) return this.#succeed(output)
      output.then((settled) => this.#succeed(settled)).then(undefined, (error: unknown) => this.#threw(error))
    } catch (error) {
      this.#threw(error)
    }
  }

  #succeed(output: unknown): void {
    if (this.#isSettled) return this.#handlerEnded()
    const codec = this.registration.plan.codecs.forValue(output)
    const body = codec.encode(output)
    const { maxPayloadBytes } = this.host
    if (body.length > maxPayloadBytes) throw outputTooLarge(this, body.length, maxPayloadBytes)
    this.#isHandlerRunning = false
    this.host.counts.succeeded += 1
    this.#ack(
      body.length === 0
        ? { status: 'succeed', codec: codec.name }
        : { status: 'succeed', codec: codec.name, body },
    )
  }

  #threw(error: unknown): void {
    this.#isHandlerRunning = false
    if (this.#isSettled) return this.#ended()
    // What a handler throws because it was told to stop is not its failure.
    if (this.abortReason?.code === 'ERR_AETHER_WORKER_SHUTDOWN') return void this.giveBack()
    const retryAfterMs = rateLimitOf(error)
    if (retryAfterMs === undefined) this.#fail(error)
    else void this.#release({ failed: false, delayMs: retryAfterMs })
  }

  #fail(thrown: unknown): void {
    this.host.counts.failed += 1
    const error = toErrorShape(thrown)
    if (!isRetryable(thrown)) return this.#ack({ status: 'failed', error }, true)
    // Whether it was the last attempt is the engine's to say: it counts failures, `attempt` counts deliveries.
    void this.#release({ failed: true, delayMs: this.#backoffMs(), error })
  }

  /** A backoff is the application's: what it gets wrong must not keep the task from going on. */
  #backoffMs(): number {
    try {
      const delayMs = this.registration.plan.definition.backoff(this.attempt, this.host.random)
      return Number.isFinite(delayMs) ? Math.min(Math.max(0, delayMs), maxDelayMs) : 0
    } catch (error) {
      this.host.logger.error('a backoff threw', { tid: this.tid, error: textOf(error) })
      return 0
    }
  }

  #expire(): void {
    const reason = new AetherError('ERR_AETHER_DEADLINE_EXCEEDED', `task ${this.tid} reached its deadline`, {
      detail: { tid: this.tid },
    })
    this.#ack({ status: 'expired', error: toErrorShape(reason) })
    this.abort(reason)
  }

  #timeOut(): void {
    const limitMs = this.registration.attemptTimeoutMs
    const reason = new AetherError(
      'ERR_AETHER_ATTEMPT_TIMEOUT',
      `attempt ${this.attempt} of task ${this.tid} took longer than ${limitMs} ms`,
      { retryable: true, detail: { tid: this.tid, attempt: this.attempt, attemptTimeoutMs: limitMs } },
    )
    this.#fail(reason)
    this.abort(reason)
  }

  #ack(completion: Completion, deadLetter: boolean = false): void {
    if (this.#settling()) this.#complete(completion, deadLetter)
  }

  #complete(completion: Completion, deadLetter: boolean): void {
    const { attempt, task } = this.delivery
    const { client, host, workgroup } = this.host
    // Written out, not spread together: this runs once for each task.
    const event: Writable<CompleteEvent> = {
      action: 'complete',
      status: completion.status,
      route: task.route,
      tid: task.tid,
      attempt,
      workgroup,
      client,
      host,
      codec: completion.codec ?? 'json',
    }
    if (completion.body !== undefined) event.body = completion.body
    if (completion.error !== undefined) event.error = completion.error
    const trace = traceHeaders(this.headers)
    if (trace !== undefined) event.headers = trace
    this.completion = event
    if (this.host.keepsCompletions) this.host.finished.add(event)
    const keep = deadLetter && this.host.keepsDeadLetters
    this.delivery.ack(event, keep ? { deadLetter } : undefined).then(
      () => {
        this.completion = undefined
        this.#settled()
      },
      (error: unknown) => {
        if (completion.body !== undefined && isTooLarge(error)) return this.#failInstead(error)
        this.host.counts.refused += 1
        // The task may come again, here too: then its completion is sent again instead of working twice.
        this.host.finished.add(event)
        this.host.logger.warn('a completion was refused', { tid: task.tid, attempt, error: textOf(error) })
        this.#settled()
      },
    )
  }

  /** The limit of the engine was lower than its transport knew: the task is still held, and its caller is told why there is no result. */
  #failInstead(error: AetherError): void {
    this.host.counts.succeeded -= 1
    this.host.counts.failed += 1
    this.#complete({ status: 'failed', error: toErrorShape(error) }, true)
  }

  /** Never rejects: where it cannot be given back, the lease ends by itself. */
  async #release(options: ReleaseOptions): Promise<void> {
    if (!this.#settling()) return
    if (options.failed !== true) this.host.counts.returned += 1
    try {
      await this.delivery.release(options)
    } catch (failure) {
      this.host.logger.debug('giving a task back failed', { tid: this.tid, error: textOf(failure) })
    }
    this.#settled()
  }

  #settling(): boolean {
    if (this.#isSettled) return false
    this.#isSettled = true
    this.#isSettling = true
    this.host.wheel.remove(this)
    return true
  }

  #settled(): void {
    this.#isSettling = false
    this.#ended()
  }

  #handlerEnded(): void {
    this.#isHandlerRunning = false
    this.#ended()
  }

  #ended(): void {
    if (this.#isEnded || this.#isHandlerRunning || this.#isSettling || !this.#isSettled) return
    this.#isEnded = true
    this.host.workEnded(this)
  }

  #report(status: StatusEvent['status'], data: unknown): Promise<void> {
    return quiet(this.#reportNow(status, data))
  }

  async #reportNow(status: StatusEvent['status'], data: unknown): Promise<void> {
    const { definition, codecs } = this.registration.plan
    let value = data
    if (data !== undefined && definition.progress !== undefined) {
      const validated = validate(definition, 'progress', data)
      value = isPromiseLike(validated) ? await validated : validated
    }
    if (this.#isSettled) throw this.abortReason ?? afterTheEnd(this)
    const codec = codecs.forValue(value)
    const { task, attempt } = this.delivery
    const { client, host, workgroup } = this.host
    this.#seq += 1
    const event: Writable<StatusEvent> = {
      action: 'status',
      status,
      route: task.route,
      tid: task.tid,
      progress: this.#percent,
      seq: this.#seq,
      attempt,
      workgroup,
      client,
      host,
      codec: codec.name,
    }
    if (value !== undefined) event.body = codec.encode(value)
    const trace = traceHeaders(this.headers)
    if (trace !== undefined) event.headers = trace
    try {
      await this.delivery.report(event)
    } catch (error) {
      // Said before the transport's own word for it: what the handler throws next is no failure of the task.
      if (isAetherError(error) && error.code === 'ERR_AETHER_LEASE_LOST') this.revoked(error)
      throw error
    }
  }
}

/** A promise that nobody has to await: a handler that reports without waiting must not bring its process down. */
function quiet(promise: Promise<void>): Promise<void> {
  promise.catch(ignore)
  return promise
}

function ignore(): void {}
