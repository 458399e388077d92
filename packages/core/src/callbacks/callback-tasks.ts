import type { Aether } from '../app/aether.ts'
import { checkFunction, checkInteger, checkKeys, optionsInvalid } from '../app/check-options.ts'
import type { Run, Settlement } from '../client/run.ts'
import { defineTask } from '../define/define-task.ts'
import type { TaskDefinition } from '../define/task-definition.ts'
import { textOf } from '../error-shape.ts'
import { AetherError, isAetherError } from '../errors.ts'
import { checkName } from '../topic/names.ts'
import type { Logger } from '../transport.ts'
import type { TaskContext, Worker } from '../worker/worker.ts'
import { callbackContext } from './callback-context.ts'
import type { CallbackTask, CallbackTaskOptions } from './callback-task.ts'

const known: ReadonlySet<string> = new Set([
  'job',
  'task',
  'context',
  'channel',
  'workgroup',
  'concurrency',
  'deadlineMs',
  'attempts',
  'leaseMs',
  'onPerform',
  'onStatus',
  'onComplete',
  'onCancel',
] satisfies (keyof CallbackTaskOptions)[])

/** Makes tasks in the shape of the Python library for one application. */
export class CallbackTasks {
  readonly #aether: Aether
  readonly #logger: Logger

  constructor(aether: Aether, logger: Logger) {
    this.#aether = aether
    this.#logger = logger
  }

  /** Throws `ERR_AETHER_OPTIONS_INVALID` and `ERR_AETHER_NAME_INVALID`. */
  create(options: CallbackTaskOptions): CallbackTask {
    checkKeys('task', options, known)
    for (const callback of ['onPerform', 'onStatus', 'onComplete', 'onCancel'] as const) {
      if (options[callback] !== undefined) checkFunction('task', callback, options[callback])
    }
    const { job, task, deadlineMs, attempts, leaseMs } = options
    const definition = defineTask({
      job,
      task,
      ...(deadlineMs === undefined ? {} : { deadlineMs }),
      ...(attempts === undefined ? {} : { attempts }),
      ...(leaseMs === undefined ? {} : { leaseMs }),
    })
    checkName('context', options.context ?? 'x')
    checkName('workgroup', options.workgroup ?? 'workers')
    if (options.channel !== undefined && typeof options.channel !== 'string')
      throw optionsInvalid('task', 'channel', 'a string', options.channel)
    checkInteger('task', 'concurrency', options.concurrency ?? 16, 1, 100_000)
    return new AetherTask(this.#aether, this.#logger, definition, options)
  }
}

class AetherTask implements CallbackTask {
  readonly #aether: Aether
  readonly #logger: Logger
  readonly #definition: TaskDefinition
  readonly #options: CallbackTaskOptions
  #run: Run | undefined
  #worker: Worker | undefined

  constructor(aether: Aether, logger: Logger, definition: TaskDefinition, options: CallbackTaskOptions) {
    this.#aether = aether
    this.#logger = logger
    this.#definition = definition
    this.#options = { ...options }
  }

  get tid(): string {
    return this.#run?.tid ?? ''
  }

  get run(): Run | undefined {
    return this.#run
  }

  async idle(): Promise<void> {
    const { onPerform, channel, workgroup, concurrency, context = 'x' } = this.#options
    if (onPerform === undefined) {
      throw new AetherError(
        'ERR_AETHER_HANDLER_MISSING',
        `task ${this.#definition.job}/${this.#definition.task} has no onPerform`,
      )
    }
    // It receives tasks when it has started, whoever asks.
    if (this.#worker !== undefined) return this.#worker.start()
    const worker = this.#aether.worker({
      // As the Python library does: the caller hears that its task was taken.
      announce: true,
      ...(channel === undefined ? {} : { channel }),
      ...(workgroup === undefined ? {} : { workgroup }),
      ...(concurrency === undefined ? {} : { concurrency }),
    })
    this.#worker = worker
    worker.handle(this.#definition, (input, ctx) => this.#work(onPerform, input, ctx), { context })
    try {
      await worker.start()
    } catch (error) {
      // Another may be in its place by now.
      if (this.#worker === worker) this.#worker = undefined
      throw error
    }
  }

  async perform(data?: unknown): Promise<string> {
    const { channel, workgroup, context = 'x', onStatus } = this.#options
    const run: Run = this.#aether.perform(this.#definition, data, {
      context,
      ...(channel === undefined ? {} : { channel }),
      ...(workgroup === undefined ? {} : { workgroup }),
      ...(onStatus === undefined
        ? {}
        : { onStatus: (status) => onStatus(this, false, false, status.percent, status.data) }),
      onSettled: (settlement) => this.#settled(settlement),
    })
    this.#run = run
    await run.accepted
    return run.tid
  }

  async cancel(reason: string = 'cancelled by its caller'): Promise<void> {
    await this.#run?.cancel(reason)
  }

  async dismiss(): Promise<void> {
    const worker = this.#worker
    this.#worker = undefined
    await worker?.close()
  }

  #work(
    onPerform: NonNullable<CallbackTaskOptions['onPerform']>,
    input: unknown,
    ctx: TaskContext,
  ): Promise<unknown> {
    const { onCancel } = this.#options
    const { context, result } = callbackContext(ctx)
    if (onCancel !== undefined) {
      ctx.signal.addEventListener(
        'abort',
        () => {
          const reason: unknown = ctx.signal.reason
          if (isAetherError(reason) && reason.code === 'ERR_AETHER_TASK_CANCELLED') {
            this.#guard(() => onCancel(this, textOf(reason)))
          }
        },
        { once: true },
      )
    }
    return result(async () => onPerform(context, input))
  }

  #settled(settlement: Settlement): void {
    const { onStatus, onComplete, onCancel } = this.#options
    const succeed = settlement.status === 'succeeded'
    const data = succeed ? settlement.value : (settlement.error.detail['data'] ?? settlement.error.message)
    this.#guard(() => onStatus?.(this, true, succeed, succeed ? 100 : 0, data))
    if (settlement.status === 'cancelled') this.#guard(() => onCancel?.(this, settlement.error.message))
    else this.#guard(() => onComplete?.(this, succeed, data))
  }

  #guard(callback: () => void): void {
    try {
      callback()
    } catch (error) {
      this.#logger.error('a callback of a task threw', { tid: this.tid, error: textOf(error) })
    }
  }
}
