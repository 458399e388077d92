import { hostname } from 'node:os'
import {
  checkName,
  createAether,
  defineTask,
  isName,
  silentLogger,
  type Aether,
  type EventAction,
  type Listener,
  type Logger,
  type PerformOptions,
  type Run,
  type TaskContext,
  type TaskDefinition,
  type WaitOptions,
} from '@aether/core'
import { AetherTask } from './aether-task.ts'
import { configKeys, ConnectionConfig, type ConnectionConfigOptions } from './connection-config.ts'
import { checkFunction, checkKeys, optionInvalid, optionMisplaced, unsupported } from './errors.ts'
import { messageOf, type AetherMessage } from './message.ts'
import type { ProtocolType } from './protocol-type.ts'
import { Session } from './session.ts'
import { keepsTasks, transportOptions, type TransportFactory } from './transport-options.ts'

/** Works on a task: as `on_perform` of an `AetherTask`. */
export type TaskCallback = (task: AetherTask, data: unknown) => unknown

export interface AetherMagicOptions<
  P extends ProtocolType = ProtocolType,
> extends ConnectionConfigOptions<P> {
  /** What connects: `mqtt`, `redis`, or a function around one of them. */
  readonly transport: TransportFactory
  /** How many tasks it works on at a time, over all it is registered for: in Python one. @default 1 */
  readonly concurrency?: number | undefined
  /** Where it reports what Python prints. @default silent */
  readonly logger?: Logger | undefined
}

export interface AddTaskOptions {
  readonly job: string
  readonly task: string
  readonly context: string
  readonly callback: TaskCallback
  /** `true`: one worker of the workgroup gets each task. `false`: everyone who listens so gets each. @default false */
  readonly shared?: boolean
}

export interface PerformTaskOptions {
  readonly job: string
  readonly task: string
  readonly context: string
  /** @default {} */
  readonly data?: unknown
  /** `true`: for one worker of the workgroup. `false`: for everyone who listens with `shared: false`. @default false */
  readonly shared?: boolean
}

export interface ListenForSharedOptions {
  readonly job: string
  readonly task: string
  readonly context: string
  /** Of all actions only this one can be shared. */
  readonly action: 'perform'
  readonly handler: TaskCallback
}

/** How long what is sent to all may wait for those who are busy: an hour. */
const everyoneMs = 3_600_000

/** The workgroup of a doorkeeper each who listens with `shared: false`: one of them accepts for all. */
const everyone = 'everyone'

const where = 'AetherMagic'
const known: ReadonlySet<string> = new Set([...configKeys, 'transport', 'concurrency', 'logger'])

/**
 * One connection, with the names and options of the Python library. Nothing connects before `connect`, `main`, `idle` or `perform`. Throws `ERR_AETHER_OPTIONS_INVALID`,
 * `ERR_AETHER_NAME_INVALID` and `ERR_AETHER_CAPABILITY_UNSUPPORTED`.
 *
 * @example
 * const aether = new AetherMagic({ protocol_type: 'redis', host: 'localhost', use_streams: true, transport: redis })
 */
export class AetherMagic {
  readonly config: ConnectionConfig
  /** @internal */
  readonly logger: Logger
  readonly #concurrency: number
  /** Unique in the union: its name there, and the pool that its workers share. */
  readonly #name: string = `aethermagic-${crypto.randomUUID().slice(0, 13)}`
  readonly #session: Session
  #everyoneCount = 0

  constructor(options: AetherMagicOptions) {
    checkKeys(where, options, known)
    const { transport, concurrency = 1, logger = silentLogger, ...rest } = options
    checkFunction(where, 'transport', transport)
    if (!Number.isInteger(concurrency) || concurrency < 1 || concurrency > 100_000)
      throw optionInvalid(where, 'concurrency', 'a whole number from 1 to 100000', concurrency)
    for (const method of ['debug', 'info', 'warn', 'error'] as const)
      checkFunction(where, `logger.${method}`, logger?.[method])
    this.config = new ConnectionConfig(rest)
    this.logger = logger
    this.#concurrency = concurrency
    const { channel, pattern } = this.config
    if (pattern !== undefined) {
      logger.warn('pattern has no meaning here: those who receive decide who shares', { channel, pattern })
    }
    this.#session = new Session({ channel, logger, create: () => this.#create(transport) })
  }

  /** Whether tasks can be sent and received now. */
  get connected(): boolean {
    return this.#session.isReady
  }

  /**
   * Connects; resolves with `true`. Rejects with `ERR_AETHER_CONNECT_TIMEOUT`, `ERR_AETHER_CONNECT_FAILED`, `ERR_AETHER_TOKEN_REFUSED` and others of the transport; it may be called
   * again then.
   */
  async connect(options: WaitOptions = {}): Promise<true> {
    await this.#session.connect(options)
    return true
  }

  /**
   * Runs until stopped: connects, connects again, keeps what is registered at work. Aborting `signal`, or `close()`, ends it: it resolves when handlers and open tasks have finished,
   * after half a minute at most. An engine that cannot be reached is tried again and again, with a warning in the log; what it refuses, such as a wrong password, rejects.
   */
  async main({ signal }: WaitOptions = {}): Promise<void> {
    const onAbort = (): void => {
      // Its end is waited for below.
      void this.close().catch(() => {})
    }
    if (signal?.aborted === true) onAbort()
    else signal?.addEventListener('abort', onAbort, { once: true })
    try {
      await this.#session.run()
    } finally {
      signal?.removeEventListener('abort', onAbort)
    }
    await this.close()
  }

  /** `perform`: works on tasks of a workgroup, of which each goes to one worker. */
  listen(
    job: string,
    task: string,
    context: string,
    action: 'perform',
    workgroup: string,
    handler: TaskCallback,
  ): Promise<Listener>
  /** Another action, or `+`: hears what is said about tasks; everyone does, whatever the workgroup. Job, task and context may be `+`, any. */
  listen(
    job: string,
    task: string,
    context: string,
    action: EventAction | '+',
    workgroup: string,
    handler: (message: AetherMessage, data: unknown) => unknown,
  ): Promise<Listener>
  async listen(
    job: string,
    task: string,
    context: string,
    action: EventAction | '+' | 'perform',
    workgroup: string,
    handler: (first: never, data: unknown) => unknown,
  ): Promise<Listener> {
    checkFunction('AetherMagic.listen', 'handler', handler)
    if (action === 'perform') {
      return this.#worksOn(job, task, context, workgroup, handler as TaskCallback)
    }
    checkListen(job, task, context, action, workgroup)
    const hear = handler as (message: AetherMessage, data: unknown) => unknown
    return this.#session.register(`listening to ${job}/${task}`, (aether) =>
      aether.listen(job, task, context, action, workgroup, (heard) => {
        const message = messageOf(heard)
        return hear(message, message.data)
      }),
    )
  }

  /** As `listen` for `perform`, with the workgroup of this connection. */
  async listen_for_shared(options: ListenForSharedOptions): Promise<Listener> {
    const { job, task, context, action, handler } = options
    if (action !== 'perform') {
      throw unsupported(
        `sharing ${String(action)}`,
        'what is said about a task is for all who listen; only perform is shared',
      )
    }
    return this.listen(job, task, context, action, this.config.workgroup, handler)
  }

  /** `shared: false` needs workgroups: without them it rejects with `ERR_AETHER_CAPABILITY_UNSUPPORTED`. */
  async add_task(options: AddTaskOptions): Promise<Listener> {
    const { job, task, context, callback, shared = false } = options
    checkFunction('AetherMagic.add_task', 'callback', callback)
    return checkShared('add_task', shared)
      ? this.#worksOn(job, task, context, this.config.workgroup, callback)
      : this.#hearsAll(job, task, context, callback)
  }

  /**
   * Performs a task whose result nobody waits for; resolves with its tid when it is accepted. Rejects with `ERR_AETHER_WORKERS_NONE` where nobody works on it (`shared: true`; not where
   * the engine keeps tasks), or nobody listens to all (`shared: false`).
   */
  async perform_task(options: PerformTaskOptions): Promise<string> {
    const { job, task, context, data = {}, shared = false } = options
    if (checkShared('perform_task', shared)) {
      return new AetherTask({ aether: this, job, task, context }).perform(data)
    }
    const { run } = await this.send(defineTask({ job, task, deadlineMs: everyoneMs }), data, {
      context,
      workgroup: everyone,
      waitForWorkers: false,
    })
    return run.tid
  }

  /** As `add_task` with `shared: true`. */
  async subscribe_to_tasks(
    job: string,
    task: string,
    context: string,
    callback: TaskCallback,
  ): Promise<Listener> {
    return this.add_task({ job, task, context, callback, shared: true })
  }

  /** Lets handlers and open tasks finish, for half a minute at most or until `signal` aborts, and leaves. Ends `main`. Idempotent. */
  close(options: WaitOptions = {}): Promise<void> {
    return this.#session.close(options)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** @internal Starts a worker on each connection. */
  work(
    definition: TaskDefinition,
    handler: (data: unknown, ctx: TaskContext) => unknown,
    options: { readonly context: string; readonly workgroup: string; readonly isDoorkeeper?: boolean },
  ): Promise<Listener> {
    const { context, workgroup, isDoorkeeper = false } = options
    return this.#session.register(`working on ${definition.job}/${definition.task}`, async (aether) => {
      // A doorkeeper does nothing, so it takes no place.
      const own = isDoorkeeper ? { presenceMs: 0 } : { pool: this.#name, concurrency: this.#concurrency }
      const worker = aether.worker({ workgroup, ...own }).handle(definition, handler, { context })
      await worker.start()
      return worker
    })
  }

  /** @internal Performs a task; resolves when it is accepted, with the run in a box: alone it would be waited for. */
  async send(
    definition: TaskDefinition,
    data: unknown,
    options: PerformOptions,
  ): Promise<{ readonly run: Run }> {
    const aether = await this.#session.connect()
    const run: Run = aether.perform(definition, data, {
      waitForWorkers: keepsTasks(this.config),
      ...options,
    })
    // A completion may overtake the word that the task was accepted.
    await Promise.race([run.accepted, run.settle()])
    return { run }
  }

  #create(transport: TransportFactory): Aether {
    const host = hostname()
    const made = transport(transportOptions(this.config))
    if (typeof made?.send !== 'function')
      throw optionMisplaced(where, 'transport', 'must return a transport, as mqtt and redis do')
    return createAether({
      union: this.config.union,
      name: this.#name,
      host: isName(host) ? host : 'localhost',
      transport: made,
      logger: this.logger,
    })
  }

  async #worksOn(
    job: string,
    task: string,
    context: string,
    workgroup: string,
    on_perform: TaskCallback,
  ): Promise<Listener> {
    const worker = new AetherTask({ aether: this, job, task, context, workgroup, on_perform })
    await worker.idle()
    return { close: () => worker.dismiss() }
  }

  /** A workgroup of its own gets a copy of each task; and a doorkeeper, as one of those who listen to all, accepts what is sent to all. */
  async #hearsAll(job: string, task: string, context: string, callback: TaskCallback): Promise<Listener> {
    this.#everyoneCount += 1
    const own = `${this.#name}-${this.#everyoneCount}`
    const worker = await this.#worksOn(job, task, context, own, callback)
    try {
      const doorkeeper = await this.work(defineTask({ job, task }), () => ({}), {
        context,
        workgroup: everyone,
        isDoorkeeper: true,
      })
      return {
        close: async () => {
          await Promise.all([doorkeeper.close(), worker.close()])
        },
      }
    } catch (error) {
      await worker.close()
      throw error
    }
  }
}

const eventActions: ReadonlySet<string> = new Set<EventAction | '+'>([
  'status',
  'complete',
  'cancel',
  'idle',
  'online',
  'dismiss',
  '+',
])

/** Before anything connects, so that a mistake is told where it was made and not to a log. */
function checkListen(job: string, task: string, context: string, action: string, workgroup: string): void {
  if (!eventActions.has(action)) {
    const known = [...eventActions].join(', ')
    throw optionInvalid('AetherMagic.listen', 'action', `perform, ${known}`, action)
  }
  if (job !== '+') checkName('job', job)
  if (task !== '+') checkName('task', task)
  if (context !== '+') checkName('context', context)
  checkName('workgroup', workgroup)
}

function checkShared(method: string, shared: unknown): boolean {
  if (typeof shared === 'boolean') return shared
  throw optionInvalid(`AetherMagic.${method}`, 'shared', 'true or false', shared)
}
