import type { Channel } from '../app/channel.ts'
import { abortable } from '../state/abortable.ts'
import { checkMs, checkWait } from '../app/check-options.ts'
import type { Plans } from '../app/plan.ts'
import { TidTable } from '../table/tid-table.ts'
import { Wheel } from '../app/wheel.ts'
import type { Client } from '../client/client.ts'
import type { Clock, Timer } from '../clock.ts'
import type { TaskDefinition } from '../define/task-definition.ts'
import { textOf, toErrorShape } from '../error-shape.ts'
import { AetherError } from '../errors.ts'
import type { Middleware } from '../middleware/middleware.ts'
import { Beacon } from '../presence/beacon.ts'
import type { CompleteEvent, Consumer, Delivery, Logger, WaitOptions } from '../transport.ts'
import { FinishedTasks } from './finished-tasks.ts'
import type { Registration, WorkHost } from './work-host.ts'
import { Work } from './work.ts'
import { checkHandle, type CheckedWorkerOptions } from './worker-options.ts'
import type { DrainOptions, HandleOptions, TaskHandler, Worker, WorkerState, WorkerStats } from './worker.ts'

/** How long handlers may take to notice that their signal was aborted, before their tasks go back without them. */
const windUpMs = 1_000

/** What a worker needs of its application. */
export interface WorkerHost {
  readonly client: string
  readonly host: string
  readonly clock: Clock
  readonly logger: Logger
  readonly random: () => number
  readonly plans: Plans
  readonly performer: Client
  readonly channel: Channel
  /** The application's, then the worker's own. */
  readonly middleware: readonly Middleware[]
  closed(worker: TaskWorker): void
}

export class TaskWorker implements Worker {
  readonly name: string
  readonly workgroup: string
  readonly #options: CheckedWorkerOptions
  readonly #host: WorkerHost
  readonly #registrations = new Map<string, Registration>()
  readonly #works = new TidTable<Work>()
  readonly #counts: WorkHost['counts'] = {
    active: 0,
    succeeded: 0,
    failed: 0,
    returned: 0,
    deduplicated: 0,
    refused: 0,
  }
  readonly #drainController = new AbortController()
  readonly #beacon: Beacon
  readonly #workHost: WorkHost
  readonly #wheel: Wheel<Work>
  #consumers: Consumer[] = []
  #state: WorkerState = { status: 'idle' }
  #starting: Promise<void> | undefined
  #draining: Promise<void> | undefined
  /** Ends the grace of a drain under way. */
  #hurry: (() => void) | undefined
  #isHurried = false
  #onIdle: (() => void) | undefined

  constructor(options: CheckedWorkerOptions, host: WorkerHost) {
    this.#options = options
    this.#host = host
    this.name = options.name
    this.workgroup = options.workgroup
    const { clock, logger, client, performer, random, channel, middleware } = host
    const { transport } = channel
    this.#wheel = new Wheel<Work>(clock, (work, nowMs) => work.due(nowMs))
    this.#workHost = {
      client,
      host: host.host,
      workgroup: options.workgroup,
      channel: channel.name,
      clock,
      logger,
      random,
      performer,
      middleware,
      wheel: this.#wheel,
      finished: new FinishedTasks(),
      keepsCompletions: transport.capabilities.redelivery === 'lease',
      keepsDeadLetters: transport.capabilities.deadLetter,
      maxPayloadBytes: transport.capabilities.maxPayloadBytes,
      announce: options.announce,
      draining: this.#drainController.signal,
      counts: this.#counts,
      workEnded: (work) => this.#workEnded(work),
    }
    this.#beacon = new Beacon(
      {
        worker: options.name,
        workgroup: options.workgroup,
        concurrency: options.concurrency,
        client,
        host: host.host,
        clock,
        logger,
        transport,
        loads: () => this.#loads(),
      },
      options.presenceMs,
    )
  }

  get state(): WorkerState {
    return this.#state
  }

  get stats(): WorkerStats {
    return { ...this.#counts }
  }

  handle<D extends TaskDefinition>(
    definition: D,
    handler: TaskHandler<D>,
    options: HandleOptions = {},
  ): Worker {
    if (this.#state.status !== 'idle') {
      throw new AetherError(
        'ERR_AETHER_OPTIONS_INVALID',
        `worker ${this.name} has been started: handle() comes before start()`,
      )
    }
    const plan = this.#host.plans.of(definition)
    // The handler is only ever called with what its own definition's schemas let through.
    const erased = handler as unknown as TaskHandler<TaskDefinition>
    const registration = checkHandle(plan, erased, options, this.#options.concurrency)
    const key = `${definition.job}/${definition.task}/${registration.context}`
    if (this.#registrations.has(key)) {
      throw new AetherError(
        'ERR_AETHER_HANDLER_DUPLICATE',
        `worker ${this.name} has a handler for ${key} already: one handler a task and context`,
        { detail: { job: definition.job, task: definition.task, context: registration.context } },
      )
    }
    this.#registrations.set(key, registration)
    return this
  }

  start(options: WaitOptions = {}): Promise<void> {
    try {
      checkWait('worker.start', options)
      options.signal?.throwIfAborted()
    } catch (error) {
      return Promise.reject(error)
    }
    if (this.#draining !== undefined) return Promise.reject(workerClosed(this.name))
    this.#starting ??= this.#start()
    return options.signal === undefined ? this.#starting : abortable(this.#starting, options.signal)
  }

  drain(options: DrainOptions = {}): Promise<void> {
    try {
      checkWait('worker.drain', options, drainKeys)
      if (options.graceMs !== undefined) checkMs('worker.drain', 'graceMs', options.graceMs, 0)
    } catch (error) {
      return Promise.reject(error)
    }
    this.#draining ??= this.#drain(options.graceMs ?? this.#options.graceMs)
    const { signal } = options
    if (signal === undefined) return this.#draining
    // An abort does not leave a drain half done: it ends the grace.
    const onAbort = (): void => {
      this.#isHurried = true
      this.#hurry?.()
    }
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort, { once: true })
    return this.#draining.finally(() => signal.removeEventListener('abort', onAbort))
  }

  close(options: WaitOptions = {}): Promise<void> {
    try {
      checkWait('worker.close', options)
    } catch (error) {
      return Promise.reject(error)
    }
    return this.drain(options.signal === undefined ? {} : { signal: options.signal })
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #start(): Promise<void> {
    this.#state = { status: 'starting' }
    try {
      if (this.#registrations.size === 0) {
        throw new AetherError(
          'ERR_AETHER_HANDLER_MISSING',
          `worker ${this.name} has no handler: call handle() first`,
        )
      }
      const { channel } = this.#host
      if (this.workgroup !== 'workers') channel.require('groups', `workgroup ${this.workgroup}`)
      await channel.start()
      for (const registration of this.#registrations.values()) {
        if (this.#draining !== undefined) throw workerClosed(this.name)
        const consumer = await this.#consume(registration)
        this.#consumers.push(consumer)
      }
      if (this.#draining !== undefined) throw workerClosed(this.name)
      this.#state = { status: 'ready' }
      this.#beacon.start()
    } catch (error) {
      await this.#closeConsumers()
      if (this.#draining === undefined) this.#state = { status: 'failed', error }
      throw error
    }
  }

  #consume(registration: Registration): Promise<Consumer> {
    const { workgroup, concurrency, pool } = this.#options
    return this.#host.channel.transport.consume(
      registration.plan.route(registration.context),
      {
        workgroup,
        credit: Math.min(registration.concurrency, concurrency),
        leaseMs: registration.leaseMs,
        pool: { id: pool, credit: concurrency },
      },
      (delivery) => this.#take(registration, delivery),
    )
  }

  #take(registration: Registration, delivery: Delivery): void {
    const { task } = delivery
    const { definition } = registration.plan
    if (this.#draining !== undefined) return this.#refuse(delivery, undefined)
    if (task.route.job !== definition.job || task.route.task !== definition.task) {
      return this.#refuse(delivery, handlerMissing(this.name, delivery))
    }
    const earlier = this.#works.get(task.tid)
    // A lease may be lost while its completion is on its way: then the task is here again before the refusal is.
    const finished = earlier?.completion ?? this.#workHost.finished.get(task.tid)
    if (finished !== undefined) return this.#answer(delivery, finished)
    if (earlier !== undefined) this.#rename(earlier)
    const nowMs = this.#host.clock.monotonic()
    const work = new Work(this.#workHost, registration, delivery, nowMs)
    this.#works.add(work)
    registration.active += 1
    this.#counts.active += 1
    work.begin(nowMs)
  }

  /** Sends the stored completion of a task that came again. */
  #answer(delivery: Delivery, finished: CompleteEvent): void {
    this.#counts.deduplicated += 1
    delivery.ack({ ...finished, attempt: delivery.attempt }).then(undefined, (error: unknown) => {
      const { tid } = delivery.task
      this.#host.logger.debug('a stored completion was refused', { tid, error: textOf(error) })
    })
  }

  /** An attempt whose lease was lost and whose handler still runs makes way for the next one. */
  #rename(earlier: Work): void {
    this.#works.delete(earlier)
    earlier.key = `${earlier.tid}#${earlier.attempt}`
    this.#works.add(earlier)
  }

  /** Gives back what this worker cannot work on; with an error it counts as a failed attempt. */
  #refuse(delivery: Delivery, error: AetherError | undefined): void {
    const options = error === undefined ? { failed: false } : { failed: true, error: toErrorShape(error) }
    if (error !== undefined) this.#host.logger.error(error.message, error.detail)
    delivery.release(options).then(undefined, (failure: unknown) => {
      this.#host.logger.debug('giving a task back failed', { tid: delivery.task.tid, error: textOf(failure) })
    })
  }

  #workEnded(work: Work): void {
    if (!this.#works.delete(work)) return
    work.registration.active -= 1
    this.#counts.active -= 1
    if (this.#works.size > 0) return
    this.#onIdle?.()
    this.#onIdle = undefined
  }

  async #drain(graceMs: number): Promise<void> {
    const wasStarted = this.#starting !== undefined
    this.#state = { status: 'draining' }
    this.#drainController.abort(shutdown(this.name, 'is draining'))
    try {
      if (wasStarted) {
        // A start under way is not waited for: it may wait for a connection. It sees that it came too late, and closes what it opened.
        const closed = this.#closeConsumers()
        if (!this.#isHurried) await this.#within(graceMs, Promise.all([closed, this.#idle()]), true)
        const reason = shutdown(this.name, 'is shutting down')
        for (const work of this.#works.entries()) work.shutDown(reason)
        await this.#within(windUpMs, Promise.all([closed, this.#idle()]))
        // What is left does not listen: its task goes to another worker, its result will not be wanted.
        const given = this.#works.entries().map((work) => work.giveBack())
        await this.#within(windUpMs, Promise.all([...given, this.#beacon.stop()]))
      }
    } finally {
      this.#wheel.stop()
      this.#works.clear()
      this.#state = { status: 'closed' }
      this.#host.closed(this)
    }
  }

  /** Resolves when nothing is in hand. */
  #idle(): Promise<void> {
    if (this.#works.size === 0) return Promise.resolve()
    return new Promise((resolve) => {
      this.#onIdle = resolve
    })
  }

  /** Resolves with what never rejects, or after `limitMs` (a connection may say nothing any more), or where that is wanted when hurried. */
  #within(limitMs: number, done: Promise<unknown>, canHurry: boolean = false): Promise<void> {
    if (limitMs === 0) return Promise.resolve()
    return new Promise((resolve) => {
      let timer: Timer | undefined = undefined
      const end = (): void => {
        timer?.cancel()
        this.#hurry = undefined
        resolve()
      }
      timer = this.#host.clock.setTimer(end, limitMs)
      if (canHurry) this.#hurry = end
      void done.then(end)
    })
  }

  async #closeConsumers(): Promise<void> {
    const consumers = this.#consumers
    this.#consumers = []
    for (const outcome of await Promise.allSettled(consumers.map((consumer) => consumer.close()))) {
      if (outcome.status === 'rejected') {
        this.#host.logger.warn('closing a consumer failed', {
          worker: this.name,
          error: textOf(outcome.reason),
        })
      }
    }
  }

  #loads(): {
    route: ReturnType<Registration['plan']['route']>
    context: string
    active: number
    concurrency: number
  }[] {
    return [...this.#registrations.values()].map((registration) => ({
      // Presence has a topic of its own, which holds no wildcard.
      route: registration.plan.route(registration.context === '+' ? 'x' : registration.context),
      context: registration.context,
      active: registration.active,
      concurrency: Math.min(registration.concurrency, this.#options.concurrency),
    }))
  }
}

const drainKeys: ReadonlySet<string> = new Set(['graceMs', 'signal'] satisfies (keyof DrainOptions)[])

function shutdown(worker: string, what: string): AetherError {
  return new AetherError('ERR_AETHER_WORKER_SHUTDOWN', `worker ${worker} ${what}`, {
    retryable: true,
    detail: { worker },
  })
}

function workerClosed(worker: string): AetherError {
  return new AetherError('ERR_AETHER_WORKER_CLOSED', `worker ${worker} is closed: make another`, {
    detail: { worker },
  })
}

function handlerMissing(worker: string, delivery: Delivery): AetherError {
  const { job, task } = delivery.task.route
  return new AetherError('ERR_AETHER_HANDLER_MISSING', `worker ${worker} has no handler for ${job}/${task}`, {
    retryable: true,
    detail: { job, task },
  })
}
