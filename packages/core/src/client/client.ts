import type { Channel } from '../app/channel.ts'
import type { Ledger } from '../app/aether.ts'
import type { Plans } from '../app/plan.ts'
import { Wheel } from '../app/wheel.ts'
import type { Clock } from '../clock.ts'
import type { TaskDefinition } from '../define/task-definition.ts'
import { isPromiseLike, validate } from '../define/validate.ts'
import { asAetherError, textOf } from '../error-shape.ts'
import { isAetherError, type AetherError } from '../errors.ts'
import type { Middleware } from '../middleware/middleware.ts'
import { checkName } from '../topic/names.ts'
import type { CompleteEvent, Logger, Receipt, StatusEvent, TaskMessage } from '../transport.ts'
import { cancelledError, deadlineError, duplicate } from './client-errors.ts'
import { checkPerformOptions } from './perform-options.ts'
import type { AttachOptions, PerformOptions } from './run.ts'
import { localSettlement, settlementOf } from './settlement.ts'
import { SharedAborts } from './shared-aborts.ts'
import { clientCall, performThrough } from './through-middleware.ts'
import { taskMessage } from './task-message.ts'
import { alreadySeen, TaskRun, type RunOwner } from './task-run.ts'

/** The engine ends a task at its deadline; only when it stays silent this much longer does the client end the run by itself. */
const deadlineGraceMs = 1_000

const noOptions: PerformOptions = {}

/** What the client needs of its application. */
export interface ClientHost {
  readonly name: string
  readonly host: string
  readonly clock: Clock
  readonly logger: Logger
  readonly plans: Plans
  readonly middleware: readonly Middleware[]
  readonly createTid: () => string
  /** Throws `ERR_AETHER_CHANNEL_UNKNOWN`. */
  channel(name: string | undefined): Channel
  /** Why nothing may be performed now, if so. `isNested` asks for a handler that is still at work. */
  closedReason(isNested: boolean): AetherError | undefined
}

/** Performs tasks and follows them to their end: one table of open runs for each channel, one wheel for all deadlines. */
export class Client implements RunOwner {
  readonly #host: ClientHost
  readonly #wheel: Wheel<TaskRun>
  readonly #counts = { performed: 0, succeeded: 0, failed: 0, cancelled: 0, expired: 0 }
  /** Open runs, attached ones included; each stands in the wheel. */
  #openCount = 0
  #onIdle: (() => void) | undefined
  readonly #aborts = new SharedAborts()

  constructor(host: ClientHost) {
    this.#host = host
    this.#wheel = new Wheel(host.clock, (run, nowMs) => this.#due(run, nowMs))
  }

  get ledger(): Ledger {
    const { performed, succeeded, failed, cancelled, expired } = this.#counts
    return {
      performed,
      succeeded,
      failed,
      cancelled,
      expired,
      open: performed - succeeded - failed - cancelled - expired,
    }
  }

  perform(
    definition: TaskDefinition,
    input: unknown,
    options: PerformOptions = noOptions,
    isNested: boolean = false,
  ): TaskRun {
    let tid = ''
    let noTid: AetherError | undefined
    try {
      tid = typeof options?.tid === 'string' ? options.tid : this.#host.createTid()
    } catch (error) {
      noTid = asAetherError(error, 'ERR_AETHER_OPTIONS_INVALID')
    }
    const run = new TaskRun(this, tid, options, false)
    this.#counts.performed += 1
    this.#openCount += 1
    try {
      if (noTid !== undefined) throw noTid
      const refused = this.#host.closedReason(isNested)
      if (refused !== undefined) throw refused
      if (options !== noOptions) checkPerformOptions(options)
      this.#prepare(run, definition, options)
      const now = this.#host.clock.monotonic()
      this.#wheel.add(run, now + (options.deadlineMs ?? definition.deadlineMs), now)
      const deadline = this.#host.clock.now() + (options.deadlineMs ?? definition.deadlineMs)
      const { middleware } = this.#host
      if (middleware.length > 0) {
        const call = clientCall(run, definition, input, options.headers)
        performThrough(run, call, {
          middleware,
          client: this.#host.name,
          send: () => this.#validateAndSend(run, definition, call.input, options, call.headers, deadline),
          fail: (error) => this.#failed(run, error),
          intercepted: () => this.#waitForMiddleware(run),
        })
      } else this.#validateAndSend(run, definition, input, options, options.headers, deadline)
    } catch (error) {
      this.#failed(run, error)
    }
    return run
  }

  attach(definition: TaskDefinition, tid: string, options: AttachOptions = noOptions): TaskRun {
    const run = new TaskRun(this, tid, options, true)
    this.#openCount += 1
    try {
      const refused = this.#host.closedReason(false)
      if (refused !== undefined) throw refused
      checkName('tid', tid)
      if (options !== noOptions) checkPerformOptions(options)
      this.#prepare(run, definition, options)
      run.channel?.require('results', 'attach')
      run.workgroup = undefined
      const now = this.#host.clock.monotonic()
      this.#wheel.add(run, now + (options.deadlineMs ?? definition.deadlineMs), now)
      this.#whenStarted(run, () => this.#attachNow(run))
    } catch (error) {
      this.#failed(run, error)
    }
    return run
  }

  /** An event of a task that this application sent or attached to. */
  onEvent(channel: Channel, event: StatusEvent | CompleteEvent): void {
    let run = channel.runs.get(event.tid)
    while (run !== undefined) {
      // Finishing takes the run out of the table.
      const next: TaskRun | undefined = channel.runs.olderThan(run)
      if (run.workgroup === undefined || run.workgroup === event.workgroup) {
        if (event.action === 'status') run.report(event)
        else if (run.plan !== undefined) run.finish(settlementOf(run.plan, event))
      }
      run = next
    }
  }

  /** Resolves when no run is open. */
  idle(): Promise<void> {
    if (this.#openCount === 0) return Promise.resolve()
    return new Promise((resolve) => {
      this.#onIdle = resolve
    })
  }

  /** Ends what is still open as failed: nobody will hear of it any more. */
  stop(error: (tid: string) => AetherError): void {
    for (const run of this.#wheel.entries()) {
      run.intercept = undefined
      run.finish(localSettlement('failed', run.tid, error(run.tid)))
    }
    this.#wheel.stop()
  }

  cancelRun(run: TaskRun): void {
    const reason = run.cancelReason ?? ''
    if (run.phase === 'preparing' && !run.isAttached)
      run.finish(localSettlement('cancelled', run.tid, cancelledError(run.tid, reason)))
    else if (run.phase === 'accepted') this.#cancelNow(run, reason)
    // While it is being sent (or attached to, for what others performed), the answer decides: see #sent.
  }

  releaseRun(run: TaskRun): void {
    this.#wheel.remove(run)
    run.channel?.runs.delete(run)
    run.follow?.stop()
    run.follow = undefined
    const { settlement } = run
    if (!run.isAttached && settlement !== undefined) this.#counts[settlement.status] += 1
    this.#openCount -= 1
    if (this.#openCount === 0) {
      this.#onIdle?.()
      this.#onIdle = undefined
    }
  }

  readProgress(run: TaskRun, event: StatusEvent): { readonly value: unknown } | undefined {
    if (event.body === undefined || run.plan === undefined) return undefined
    try {
      return { value: run.plan.codecs.named(event.codec).decode(event.body) }
    } catch (error) {
      this.#host.logger.warn('progress cannot be decoded and is skipped', {
        tid: run.tid,
        error: textOf(error),
      })
      return undefined
    }
  }

  callBack(run: TaskRun, callback: () => void): void {
    try {
      callback()
    } catch (error) {
      this.#host.logger.error('a callback of a run threw', { tid: run.tid, error: textOf(error) })
    }
  }

  #prepare(run: TaskRun, definition: TaskDefinition, options: PerformOptions): void {
    const channel = this.#host.channel(options.channel)
    if (options.priority !== undefined) channel.require('priority', 'priority')
    if (options.delayMs !== undefined && options.delayMs > 0) channel.require('delay', 'delayMs')
    const workgroup = options.workgroup ?? 'workers'
    if (workgroup !== 'workers') channel.require('groups', `workgroup ${workgroup}`)
    const plan = this.#host.plans.of(definition)
    run.channel = channel
    run.plan = plan
    run.route = plan.route(options.context ?? 'x')
    run.workgroup = workgroup
    const { signal } = options
    if (signal === undefined) return
    if (signal.aborted) throw cancelledError(run.tid, textOf(signal.reason), signal.reason)
    run.follow = this.#aborts.follow(signal, (reason) => void run.cancel(textOf(reason)))
  }

  /** Middleware that never returns must not keep the run open for good. */
  #waitForMiddleware(run: TaskRun): void {
    const now = this.#host.clock.monotonic()
    this.#wheel.add(run, Math.max(run.wheelDueMs, now + deadlineGraceMs), now)
  }

  #validateAndSend(
    run: TaskRun,
    definition: TaskDefinition,
    input: unknown,
    options: PerformOptions,
    headers: Readonly<Record<string, string>> | undefined,
    deadline: number,
  ): void {
    if (definition.input === undefined) return this.#encodeAndSend(run, input, options, headers, deadline)
    // The worker validates again, and transforms: so the caller's own value travels, not what the schema made of it.
    const validated = validate(definition, 'input', input)
    if (!isPromiseLike(validated)) return this.#encodeAndSend(run, input, options, headers, deadline)
    validated
      .then(() => this.#encodeAndSend(run, input, options, headers, deadline))
      .then(undefined, (error: unknown) => this.#failed(run, error))
  }

  #encodeAndSend(
    run: TaskRun,
    input: unknown,
    options: PerformOptions,
    headers: Readonly<Record<string, string>> | undefined,
    deadline: number,
  ): void {
    // It may have ended while its input was validated.
    if (run.settlement !== undefined) return
    const message = taskMessage(run, input, options, headers, {
      deadline,
      client: this.#host.name,
      host: this.#host.host,
    })
    if (run.channel?.isStarted === true) this.#sendNow(run, message)
    else this.#whenStarted(run, () => this.#sendNow(run, message))
  }

  /** Goes on once the channel is connected: at once, in the common case. */
  #whenStarted(run: TaskRun, next: () => void): void {
    if (run.settlement !== undefined || run.channel === undefined) return
    if (run.channel.isStarted) return next()
    run.channel
      .start()
      .then(() => {
        if (run.settlement === undefined && run.phase === 'preparing') next()
      })
      .then(undefined, (error: unknown) => this.#failed(run, error))
  }

  #sendNow(run: TaskRun, message: TaskMessage): void {
    const { channel } = run
    if (channel === undefined) return
    this.#enlist(run, channel)
    const { follow } = run
    const receipt = channel.transport.send(
      message,
      follow === undefined ? undefined : { signal: follow.signal },
    )
    receipt.then(
      (given) => this.#sent(run, given),
      (error: unknown) => this.#notSent(run, error),
    )
  }

  /** From here on events find the run: known before it is sent, since its completion may overtake its receipt. */
  #enlist(run: TaskRun, channel: Channel): void {
    const first = channel.runs.get(run.tid)
    if (first !== undefined && !isSameTask(first, run)) throw duplicate(run.tid)
    channel.runs.add(run)
    run.phase = 'sending'
  }

  #attachNow(run: TaskRun): void {
    const { channel, route } = run
    if (channel === undefined || route === undefined) return
    this.#enlist(run, channel)
    channel.transport
      .attach(route, run.tid, run.follow === undefined ? {} : { signal: run.follow.signal })
      .then(
        () => this.#sent(run, { deduplicated: true }),
        (error: unknown) => this.#notSent(run, error),
      )
  }

  #sent(run: TaskRun, receipt: Receipt): void {
    run.accept(receipt)
    if (run.cancelReason !== undefined && run.settlement === undefined) this.#cancelNow(run, run.cancelReason)
  }

  #notSent(run: TaskRun, error: unknown): void {
    const refused = asAetherError(error, 'ERR_AETHER_TRANSPORT_LOST')
    run.refuse(refused)
    if (run.cancelReason === undefined || run.isAttached) {
      this.#failed(run, error)
      return
    }
    // The abort may have come too late to keep the task from the engine.
    if (run.channel !== undefined && run.route !== undefined) {
      run.channel.transport.cancel(run.route, run.tid, run.cancelReason).catch(ignore)
    }
    run.finish(localSettlement('cancelled', run.tid, cancelledError(run.tid, run.cancelReason, error)))
  }

  #cancelNow(run: TaskRun, reason: string): void {
    if (run.channel === undefined || run.route === undefined) return
    run.channel.transport.cancel(run.route, run.tid, reason).catch((error: unknown) => {
      if (run.settlement !== undefined) return
      if (!isAetherError(error) || error.code !== 'ERR_AETHER_TASK_UNKNOWN') {
        // The run stays bounded by its deadline, whatever became of the request.
        this.#host.logger.warn('cancel was not delivered', { tid: run.tid, error: textOf(error) })
        return
      }
      // It is over already, and its completion on its way; where that never comes, this is the end.
      run.doom = error
      const now = this.#host.clock.monotonic()
      this.#wheel.add(run, now + deadlineGraceMs, now)
    })
  }

  #due(run: TaskRun, nowMs: number): void {
    // Ended by what another run's callback did, in the same turn of the wheel.
    if (run.settlement !== undefined) return
    // Middleware that had its turn and did not end is not waited for any longer.
    if (run.intercept === alreadySeen) run.intercept = undefined
    if (run.doom !== undefined) return run.finish(localSettlement('failed', run.tid, run.doom))
    const isHeld = run.phase === 'accepted' || run.phase === 'sending'
    if (isHeld && !run.isOverdue) {
      run.isOverdue = true
      this.#wheel.add(run, nowMs + deadlineGraceMs, nowMs)
      return
    }
    const limitMs = run.options.deadlineMs ?? run.plan?.definition.deadlineMs ?? 0
    run.finish(localSettlement('expired', run.tid, deadlineError(run.tid, limitMs)))
  }

  #failed(run: TaskRun, error: unknown): void {
    const known = asAetherError(error)
    const status = known.code === 'ERR_AETHER_TASK_CANCELLED' ? 'cancelled' : 'failed'
    run.finish(localSettlement(status, run.tid, known))
  }
}

function isSameTask(one: TaskRun, other: TaskRun): boolean {
  return (
    one.route?.job === other.route?.job &&
    one.route?.task === other.route?.task &&
    one.route?.context === other.route?.context
  )
}

function ignore(): void {}
