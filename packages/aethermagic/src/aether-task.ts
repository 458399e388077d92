import {
  AetherError,
  defineTask,
  isAetherError,
  type Listener,
  type Run,
  type Settlement,
  type TaskContext,
  type TaskDefinition,
} from '@aether/core'
import { notInHand } from './errors.ts'
import { Hand, textOf } from './hand.ts'
import { checkTaskOptions, type OwnTaskOptions } from './task-options.ts'

/**
 * One kind of task, performed or worked on, in the shape of the Python library.
 *
 * Throws `ERR_AETHER_OPTIONS_INVALID` and `ERR_AETHER_NAME_INVALID`.
 *
 * @example
 * const task = new AetherTask({
 *   aether, job: 'my_service', task: 'process_data',
 *   on_perform: async (ae_task, data) => {
 *     await ae_task.status(50)
 *     await ae_task.complete(true, { result: data })
 *   },
 * })
 * await task.idle()
 * await aether.main()
 */
export class AetherTask<Data = unknown> {
  readonly #options: OwnTaskOptions
  readonly #context: string
  #definition: TaskDefinition
  #run: Run | undefined
  #hand: Hand | undefined
  #work: Promise<Listener> | undefined

  constructor(options: OwnTaskOptions<Data>) {
    // Who performs says what data is; from here on it is what came.
    const erased = options as unknown as OwnTaskOptions
    const { context, deadlineMs } = checkTaskOptions(erased)
    const { job, task, attempts } = erased
    this.#options = { ...erased }
    this.#context = context
    this.#definition = defineTask({
      job,
      task,
      deadlineMs,
      ...(attempts === undefined ? {} : { attempts }),
    })
  }

  get job(): string {
    return this.#options.job
  }

  get task(): string {
    return this.#options.task
  }

  get context(): string {
    return this.#context
  }

  /** Id of the task in hand, or of the one performed last; '' before. */
  get tid(): string {
    return this.#hand?.ctx.tid ?? this.#run?.tid ?? ''
  }

  /** The task performed last, to be awaited for its result or followed, which Python has no way to; undefined before. */
  get run(): Run | undefined {
    return this.#run
  }

  /**
   * Registers `on_perform` as a worker of the workgroup. Resolves when it receives tasks; or, where the engine cannot be reached now, with a warning in the log: then it begins
   * as soon as there is a connection. Rejects with `ERR_AETHER_HANDLER_MISSING`, and with what the engine refuses.
   */
  async idle(): Promise<void> {
    const { on_perform, aether, workgroup, job, task } = this.#options
    if (on_perform === undefined) {
      throw new AetherError('ERR_AETHER_HANDLER_MISSING', `task ${job}/${task} has no on_perform`)
    }
    this.#work ??= aether.work(this.#definition, (data, ctx) => this.#perform(on_perform, data, ctx), {
      context: this.#context,
      workgroup: workgroup ?? aether.config.workgroup,
    })
    try {
      await this.#work
    } catch (error) {
      this.#work = undefined
      throw error
    }
  }

  /** Leaves, as a worker, when what it has in hand is done. */
  async dismiss(): Promise<void> {
    const work = this.#work
    this.#work = undefined
    const listener = await work
    await listener?.close()
  }

  /**
   * Sends the task to the workers; resolves with its tid when it is accepted. Rejects when it is not, and then no callback is called: `ERR_AETHER_WORKERS_NONE` where
   * nobody works on it and the engine would not keep it, `ERR_AETHER_PAYLOAD_UNENCODABLE`, `ERR_AETHER_CONNECT_TIMEOUT` and others.
   */
  async perform(data: Data | Record<string, never> = {}): Promise<string> {
    const { aether, workgroup, on_status } = this.#options
    const sent = this.#copy()
    const { run } = await aether.send(this.#definition, data, {
      context: this.#context,
      workgroup: workgroup ?? aether.config.workgroup,
      ...(on_status === undefined
        ? {}
        : {
            onStatus: ({ percent, data: said }) =>
              this.#call('on_status', () => on_status(sent, false, false, percent, said ?? {})),
          }),
    })
    this.#run = run
    sent.#run = run
    // Settling never rejects, and callbacks are guarded.
    void run.settle().then((settlement) => this.#settled(sent, settlement))
    return run.tid
  }

  /** Reports how far the task in hand is: 0 to 100, clamped as in Python. Resolves with its tid when that is accepted. Rejects with `ERR_AETHER_LEASE_LOST` after its end. */
  async status(progress: number, data: unknown = {}): Promise<string> {
    if (this.#hand === undefined) throw notInHand('status')
    await this.#hand.status(progress, data)
    return this.tid
  }

  /** Ends the task in hand; resolves with its tid. Rejects with `ERR_AETHER_LEASE_LOST` after its end, and with `ERR_AETHER_PAYLOAD_UNENCODABLE`. */
  async complete(succeed: boolean, data: unknown = {}): Promise<string> {
    if (this.#hand === undefined) throw notInHand('complete')
    this.#hand.complete(succeed, data)
    return this.tid
  }

  /** Cancels the task performed last, queued or running; resolves when it is over. Rejects with `ERR_AETHER_TASK_UNKNOWN` where none was. */
  async cancel(reason: string = 'cancelled by its caller'): Promise<void> {
    if (this.#run === undefined) {
      throw new AetherError(
        'ERR_AETHER_TASK_UNKNOWN',
        `cancel(): nothing of ${this.job}/${this.task} was performed here`,
      )
    }
    await this.#run.cancel(reason)
  }

  async #perform(
    on_perform: NonNullable<OwnTaskOptions['on_perform']>,
    data: unknown,
    ctx: TaskContext,
  ): Promise<unknown> {
    const held = this.#copy()
    const hand = new Hand(ctx)
    held.#hand = hand
    this.#watchCancel(held, ctx)
    // As in Python the caller hears at once that its task was taken; a worker that lost the task meanwhile learns it elsewhere.
    void ctx.status(0, {}).catch(() => {})
    const handled = (async () => on_perform(held, data ?? {}))()
    handled.then(
      (value) => hand.returned(value),
      (error: unknown) => hand.threw(error),
    )
    return hand.result
  }

  #watchCancel(held: AetherTask, { signal }: TaskContext): void {
    const { on_cancel } = this.#options
    if (on_cancel === undefined) return
    const onAbort = (): void => {
      const reason: unknown = signal.reason
      if (!isAetherError(reason) || reason.code !== 'ERR_AETHER_TASK_CANCELLED') return
      this.#call('on_cancel', () => on_cancel(held, reason.message))
    }
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort, { once: true })
  }

  #settled(sent: AetherTask, settlement: Settlement): void {
    const { on_status, on_complete, on_cancel } = this.#options
    const succeed = settlement.status === 'succeeded'
    const data = succeed
      ? (settlement.value ?? {})
      : (settlement.error.detail['data'] ?? settlement.error.message)
    this.#call('on_status', () => on_status?.(sent, true, succeed, 100, data))
    if (settlement.status === 'cancelled') {
      this.#call('on_cancel', () => on_cancel?.(sent, settlement.error.message))
    } else this.#call('on_complete', () => on_complete?.(sent, succeed, data))
  }

  /** The same kind of task, for one run or one delivery of it. */
  #copy(): AetherTask {
    const copy = new AetherTask(this.#options)
    copy.#definition = this.#definition
    return copy
  }

  /** A callback is not waited for; what it throws, now or later, is logged. */
  #call(name: string, callback: () => unknown): void {
    const failed = (error: unknown): void => {
      this.#options.aether.logger.error(`${name} threw`, { tid: this.tid, error: textOf(error) })
    }
    const called = (async () => callback())()
    called.catch(failed)
  }
}
