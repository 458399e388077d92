import { CallbackTasks } from '../callbacks/callback-tasks.ts'
import type { CallbackTask, CallbackTaskOptions } from '../callbacks/callback-task.ts'
import { Client } from '../client/client.ts'
import type { AttachOptions, PerformOptions, Run } from '../client/run.ts'
import { defineTask } from '../define/define-task.ts'
import type { TaskDefinition } from '../define/task-definition.ts'
import { AetherError } from '../errors.ts'
import { checkListenOptions, isEventAction, listenToEvents, listenToTask } from '../listen/hear.ts'
import type { HeardEvent, ListenFunction, TaskEvent, TaskListenOptions } from '../listen/listen.ts'
import { PresenceDirectory } from '../presence/directory.ts'
import type { Presence, PresenceOptions } from '../presence/presence.ts'
import { abortable } from '../state/abortable.ts'
import { checkName } from '../topic/names.ts'
import type { Listener, Transport, TransportState, WaitOptions } from '../transport.ts'
import { TaskWorker } from '../worker/task-worker.ts'
import { checkWorkerOptions } from '../worker/worker-options.ts'
import type { TaskHandler, Worker, WorkerOptions } from '../worker/worker.ts'
import { checkAetherOptions, type CheckedAetherOptions } from './aether-options.ts'
import type { Aether, AetherOptions, ChannelState, Ledger } from './aether.ts'
import { channelStates, worstState } from './channel-states.ts'
import { Channel } from './channel.ts'
import { checkFunction, checkInteger, checkKeys, checkWait, optionsInvalid } from './check-options.ts'
import { Plans } from './plan.ts'

/**
 * Makes an application on one transport or several. It connects when first used, or at `start()`. Throws `ERR_AETHER_OPTIONS_INVALID` and
 * `ERR_AETHER_NAME_INVALID`.
 *
 * @example
 * const aether = createAether({ union: 'shop', transport: memory() })
 * const worker = aether.worker({ concurrency: 4 }).handle(resize, async (input) => render(input))
 * await worker.start()
 * const image = await aether.perform(resize, { width: 100 })
 * await aether.close()
 */
export function createAether<T extends Transport>(options: AetherOptions<T>): Aether<T['capabilities']> {
  return new Application(checkAetherOptions(options)) as unknown as Aether<T['capabilities']>
}

type Phase = 'open' | 'closing' | 'closed'

class Application implements Aether {
  readonly union: string
  readonly name: string
  readonly listen: ListenFunction
  readonly attach: Aether['attach']
  readonly #options: CheckedAetherOptions
  readonly #channels = new Map<string, Channel>()
  readonly #plans: Plans
  readonly #client: Client
  readonly #workers = new Set<TaskWorker>()
  readonly #directories = new Set<PresenceDirectory>()
  readonly #callbacks: CallbackTasks
  #workerCount = 0
  #phase: Phase = 'open'
  #closing: Promise<void> | undefined
  /** Ends the draining of a close under way. */
  readonly #hurry = new AbortController()

  constructor(options: CheckedAetherOptions) {
    this.#options = options
    this.union = options.union
    this.name = options.name
    const { union, name, host, logger, clock } = options
    this.#plans = new Plans(union, options.codec)
    this.#client = new Client({
      name,
      host,
      clock,
      logger,
      plans: this.#plans,
      middleware: options.middleware,
      createTid: options.createTid,
      channel: (wanted) => this.#channel(wanted),
      closedReason: (isNested) => this.#closedReason(isNested),
    })
    for (const [channelName, transport] of options.transports) {
      const channel = new Channel(
        channelName,
        transport,
        { union, client: name, host, logger },
        (from, event) => this.#client.onEvent(from, event),
      )
      this.#channels.set(channelName, channel)
    }
    this.#callbacks = new CallbackTasks(this, logger)
    this.listen = this.#listen.bind(this) as ListenFunction
    this.attach = this.#attach.bind(this) as Aether['attach']
  }

  get ledger(): Ledger {
    return this.#client.ledger
  }

  get state(): TransportState {
    return worstState([...this.#channels.values()])
  }

  states(options: WaitOptions & { readonly channel?: string } = {}): AsyncIterable<ChannelState> {
    checkWait('states', options, statesKeys)
    const { channel, signal } = options
    return channelStates(this.#someChannels(channel), this.#options.logger, signal)
  }

  async start(options: WaitOptions = {}): Promise<void> {
    checkWait('start', options)
    options.signal?.throwIfAborted()
    this.#throwIfClosed()
    await Promise.all([...this.#channels.values()].map((channel) => channel.start(options)))
  }

  perform<D extends TaskDefinition>(definition: D, ...rest: readonly unknown[]): Run<never, never> {
    const [input, options] = rest as [unknown, PerformOptions | undefined]
    // The interface derives the types of the run from the definition; here they are erased.
    return this.#client.perform(definition, input, options) as unknown as Run<never, never>
  }

  worker(options: WorkerOptions = {}): Worker {
    this.#throwIfClosed()
    this.#workerCount += 1
    const checked = checkWorkerOptions(options, `${this.name}-${this.#workerCount}`)
    const { clock, logger, random, host, middleware } = this.#options
    const worker = new TaskWorker(checked, {
      client: this.name,
      host,
      clock,
      logger,
      random,
      plans: this.#plans,
      performer: this.#client,
      channel: this.#channel(checked.channel),
      middleware: [...middleware, ...checked.middleware],
      closed: (closed) => this.#workers.delete(closed),
    })
    this.#workers.add(worker)
    return worker
  }

  async presence(options: PresenceOptions = {}): Promise<Presence> {
    this.#throwIfClosed()
    checkKeys('presence', options, presenceKeys)
    const maxWorkers = checkInteger('presence', 'maxWorkers', options.maxWorkers ?? 10_000, 1, 10_000_000)
    const { clock, logger } = this.#options
    const directory = new PresenceDirectory(
      { clock, logger, codecs: this.#plans.codecs },
      maxWorkers,
      (closed) => this.#directories.delete(closed),
    )
    this.#directories.add(directory)
    await directory.open(this.#someChannels(options.channel))
    return directory
  }

  task(options: CallbackTaskOptions): CallbackTask {
    return this.#callbacks.create(options)
  }

  close(options: WaitOptions = {}): Promise<void> {
    try {
      checkWait('close', options)
    } catch (error) {
      return Promise.reject(error)
    }
    const { signal } = options
    this.#closing ??= this.#close({ signal: this.#hurry.signal })
    if (signal === undefined) return this.#closing
    // Whoever has no time to wait ends the waiting for all.
    const onAbort = (): void => this.#hurry.abort(signal.reason)
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort, { once: true })
    return this.#closing.finally(() => signal.removeEventListener('abort', onAbort))
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #attach(definition: TaskDefinition, tid: string, options?: AttachOptions): Run {
    return this.#client.attach(definition, tid, options)
  }

  async #listen(...args: readonly unknown[]): Promise<Listener> {
    this.#throwIfClosed()
    if (typeof args[0] === 'object') {
      const [definition, handler, options = {}] = args as [
        TaskDefinition,
        (event: TaskEvent) => void,
        TaskListenOptions?,
      ]
      checkFunction('listen', 'handler', handler)
      const plan = this.#plans.of(definition)
      checkListenOptions(options)
      return listenToTask(this.#channel(options.channel), plan, this.#options.logger, handler, options)
    }
    const [job, task, context, action, workgroup, handler] = args as [
      string,
      string,
      string,
      string,
      string,
      unknown,
    ]
    checkFunction('listen', 'handler', handler)
    if (action === 'perform')
      return this.#work(job, task, context, workgroup, handler as TaskHandler<TaskDefinition>)
    if (!isEventAction(action))
      throw optionsInvalid('listen', 'action', 'an action of the vocabulary, or +', action)
    for (const [kind, value] of [
      ['job', job] as const,
      ['task', task] as const,
      ['context', context] as const,
    ]) {
      if (value !== '+') checkName(kind, value)
    }
    // Events go to all who listen, but a name that is none is a mistake here too.
    checkName('workgroup', workgroup)
    const heard = handler as (event: HeardEvent) => void
    const filter = { job, task, context, action }
    return listenToEvents(this.#channel(undefined), this.#plans.codecs, this.#options.logger, filter, heard)
  }

  /** The handlers of the Python library take the context first. */
  async #work(
    job: string,
    task: string,
    context: string,
    workgroup: string,
    handler: (ctx: never, data: never) => unknown,
  ): Promise<Listener> {
    const call = handler as (ctx: unknown, data: unknown) => unknown
    const worker = this.worker({ workgroup }).handle(
      defineTask({ job, task }),
      (input, ctx) => call(ctx, input),
      { context },
    )
    await worker.start()
    return worker
  }

  async #close(options: { readonly signal: AbortSignal }): Promise<void> {
    const { signal } = options
    this.#phase = 'closing'
    const failures: unknown[] = []
    const settle = async (steps: readonly Promise<void>[]): Promise<void> => {
      for (const outcome of await Promise.allSettled(steps)) {
        if (outcome.status === 'rejected') failures.push(outcome.reason)
      }
    }
    // Handlers may still perform what they need to finish; only then do the transports go.
    await settle([...this.#workers].map((worker) => worker.close(options)))
    await unlessHurried(signal, settle([...this.#directories].map((directory) => directory.close())))
    await unlessHurried(signal, this.#client.idle())
    this.#phase = 'closed'
    this.#client.stop((tid) => closedError(this.name, `task ${tid} may still run`))
    await settle([...this.#channels.values()].map((channel) => channel.close(options)))
    if (failures.length > 0)
      throw new AggregateError(failures, `closing ${this.name} failed in ${failures.length} places`)
  }

  #channel(name: string | undefined): Channel {
    const channel = name === undefined ? this.#channels.values().next().value : this.#channels.get(name)
    if (channel !== undefined) return channel
    const known = [...this.#channels.keys()]
    throw new AetherError(
      'ERR_AETHER_CHANNEL_UNKNOWN',
      `no channel ${String(name)}: there are ${known.join(', ')}`,
      {
        detail: { channel: name, known },
      },
    )
  }

  #someChannels(name: string | undefined): readonly Channel[] {
    return name === undefined ? [...this.#channels.values()] : [this.#channel(name)]
  }

  #closedReason(isNested: boolean): AetherError | undefined {
    if (this.#phase === 'open' || (isNested && this.#phase === 'closing')) return undefined
    return closedError(this.name, 'it performs nothing any more')
  }

  #throwIfClosed(): void {
    const reason = this.#closedReason(false)
    if (reason !== undefined) throw reason
  }
}

const statesKeys: ReadonlySet<string> = new Set(['channel', 'signal'])

const presenceKeys: ReadonlySet<string> = new Set([
  'channel',
  'maxWorkers',
] satisfies (keyof PresenceOptions)[])

/** Waits for what never rejects, unless there is no time for it. */
async function unlessHurried(signal: AbortSignal, done: Promise<void>): Promise<void> {
  await abortable(done, signal).catch(() => {})
}

function closedError(name: string, what: string): AetherError {
  return new AetherError('ERR_AETHER_CLIENT_CLOSED', `${name} is closed: ${what}`, { detail: { name } })
}
