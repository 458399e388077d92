import {
  type AetherEvent,
  checkName,
  checkRoute,
  type ConsumeOptions,
  type Consumer,
  type Delivery,
  type EventFilter,
  filterTopic,
  type Listener,
  type Receipt,
  type Route,
  routeCache,
  routeKey,
  type StatusEvent,
  type CompleteEvent,
  type TaskMessage,
  topicOf,
  type Transport,
  type TransportHost,
  type TransportState,
  type WaitOptions,
} from '@aether/core'
import type { Client, CompleteFrame, StatusFrame, TaskSend, TaskSession, WireError } from '@aether/wire'
import { abortable } from './abortable.ts'
import { HeaderDecoder, HeaderEncoder } from './block-headers.ts'
import type { TcpCapabilities } from './capabilities.ts'
import { checkConsume, checkTask } from './check-task.ts'
import { codecByte } from './codec-byte.ts'
import { type DeliveryHost, TcpDelivery } from './delivery.ts'
import { closedError, invalidInput, mapped, payloadTooLarge, toAetherError } from './errors.ts'
import { completeOf, eventFromMessage, eventToMessage, statusOf } from './event-message.ts'
import { type Followed, type RoutePage, RunBook } from './run-book.ts'
import { transportState } from './transport-state.ts'

const accepted: Receipt = Object.freeze({ deduplicated: false })
const joined: Receipt = Object.freeze({ deduplicated: true })

/** The transport over one client session of the wire: it translates, the session connects. */
export class TcpTransport implements Transport<TcpCapabilities> {
  readonly name: string = 'tcp'
  readonly capabilities: TcpCapabilities
  readonly #client: Client
  readonly #tasks: TaskSession<Followed>
  readonly #book = new RunBook()
  readonly #routes = routeCache()
  readonly #encoder = new HeaderEncoder()
  readonly #decoder = new HeaderDecoder()
  #host: TransportHost | undefined

  constructor(client: Client, capabilities: TcpCapabilities) {
    this.#client = client
    this.capabilities = capabilities
    this.#tasks = client.tasks<Followed>({
      onStatus: (run, frame, bytes) => this.#onStatus(run, frame, bytes),
      onComplete: (run, frame, bytes) => this.#onComplete(run, frame, bytes),
      onLost: (run, error) => this.#onRunLost(run, error),
    })
  }

  get state(): TransportState {
    return transportState(this.#client.state)
  }

  async *states(options: WaitOptions = {}): AsyncIterable<TransportState> {
    for await (const state of this.#client.states(options)) yield transportState(state)
  }

  async start(host: TransportHost, options: WaitOptions = {}): Promise<void> {
    options.signal?.throwIfAborted()
    this.#checkOpen()
    if (this.#host !== undefined)
      throw invalidInput('A TCP transport belongs to one application and is started once.', {})
    this.#host = host
    await abortable(
      mapped(this.#client.start({ client: clip(host.client), host: clip(host.host) })),
      options.signal,
    )
  }

  async send(task: TaskMessage, options?: WaitOptions): Promise<Receipt> {
    this.#checkCall(options)
    checkTask(task, this.capabilities.maxPayloadBytes)
    const page = this.#book.page(task.route)
    const sending = this.#send(page, task)
    return options?.signal === undefined ? sending : abortable(sending, options.signal)
  }

  async attach(route: Route, tid: string, options?: WaitOptions): Promise<void> {
    this.#checkCall(options)
    checkName('tid', tid)
    const page = this.#book.page(route)
    const known = page.runs.get(tid)
    // Its events come already.
    if (known !== undefined)
      return abortable(
        known.accepted.then(() => {}),
        options?.signal,
      )
    const run: Followed = { route: page.route, tid, workgroup: undefined, page, accepted: Promise.resolve() }
    const attaching = this.#follow(run, this.#tasks.attach(page.key, tid, run))
    return abortable(attaching, options?.signal)
  }

  async cancel(route: Route, tid: string, reason: string, options?: WaitOptions): Promise<void> {
    this.#checkCall(options)
    checkName('tid', tid)
    const { key } = this.#book.page(route)
    return abortable(mapped(this.#tasks.cancel(key, tid, reason.slice(0, 4_096))), options?.signal)
  }

  async consume(
    route: Route,
    options: ConsumeOptions,
    handler: (delivery: Delivery) => void,
  ): Promise<Consumer> {
    this.#checkOpen()
    const filter = routeKey(checkRoute(route, { wildcards: true }))
    checkConsume(options)
    const { workgroup, credit, pool } = options
    const spec = {
      filter,
      workgroup,
      credit,
      leaseMs: Math.ceil(options.leaseMs),
      ...(pool === undefined ? {} : { pool: { ...pool } }),
    }
    const host: DeliveryHost = {
      client: this.#host?.client ?? '',
      host: this.#host?.host ?? '',
      workgroup,
      maxPayloadBytes: this.capabilities.maxPayloadBytes,
      routes: this.#routes,
      encoder: new HeaderEncoder(),
      decoder: this.#decoder,
    }
    const consumer = await mapped(this.#tasks.consume(spec, (lease) => handler(new TcpDelivery(lease, host))))
    return { close: () => mapped(consumer.close()) }
  }

  async publish(event: AetherEvent, options?: WaitOptions): Promise<void> {
    this.#checkCall(options)
    checkRoute(event.route)
    checkName('tid', event.tid)
    const { headers, payload } = eventToMessage(event)
    const limit = this.capabilities.maxPayloadBytes
    if (payload.length > limit) throw payloadTooLarge(`a ${event.action} event`, payload.length, limit)
    try {
      if (this.#client.publish(topicOf(event.route, event.tid, event.action), payload, { headers })) return
    } catch (error) {
      throw toAetherError(error)
    }
    await abortable(this.#client.drained(), options?.signal)
  }

  async listen(filter: EventFilter, handler: (event: AetherEvent) => void): Promise<Listener> {
    this.#checkOpen()
    for (const level of ['job', 'task', 'context', 'tid'] as const) {
      const name = filter[level]
      if (name !== undefined && name !== '+') checkName(level, name)
    }
    const topic = filterTopic(this.#host?.union ?? '', filter)
    const subscription = await mapped(
      this.#client.subscribe(topic, {
        onMessage: (message) => {
          const event = eventFromMessage(message, this.#routes)
          if (event !== undefined) handler(event)
        },
      }),
    )
    return { close: () => mapped(subscription.close()) }
  }

  async close(options: WaitOptions = {}): Promise<void> {
    await this.#client.close(options)
  }

  async #send(page: RoutePage, task: TaskMessage): Promise<Receipt> {
    const known = page.runs.get(task.tid)
    const message = this.#message(page, task)
    if (known !== undefined) {
      await known.accepted.catch(() => {})
      // The first one was refused, or is over: this one is a task of its own.
      if (page.runs.get(task.tid) !== known) return this.#send(page, task)
      return (await mapped(this.#tasks.repeat(message))) ? joined : accepted
    }
    const run: Followed = {
      route: page.route,
      tid: task.tid,
      workgroup: task.workgroup,
      page,
      accepted: Promise.resolve(),
    }
    return (await this.#follow(run, this.#tasks.send(message, run))) ? joined : accepted
  }

  async #follow<T>(run: Followed, promise: Promise<T>): Promise<T> {
    run.page.runs.set(run.tid, run)
    run.accepted = promise
    try {
      return await promise
    } catch (error) {
      this.#book.close(run)
      throw toAetherError(error)
    }
  }

  #message(page: RoutePage, task: TaskMessage): TaskSend {
    return {
      route: page.key,
      deadlineAt: task.deadline >= Number.MAX_SAFE_INTEGER ? 0 : task.deadline,
      fields: {
        tid: task.tid,
        workgroup: task.workgroup,
        waitForWorkers: task.waitForWorkers,
        priority: task.priority,
        attempts: task.attempts,
        ttlMs: Math.ceil(task.ttlMs),
        delayMs: Math.ceil(task.delayMs),
        codec: codecByte(task.codec),
        headers: this.#encoder.encode({ client: task.client, host: task.host, headers: task.headers }),
        body: task.body,
      },
    }
  }

  #onStatus(run: Followed, frame: StatusFrame, bytes: Uint8Array): void {
    this.#tell(statusOf(run, frame, bytes, this.#decoder.decode(bytes, frame.headersAt, frame.headersEnd)))
  }

  #onComplete(run: Followed, frame: CompleteFrame, bytes: Uint8Array): void {
    this.#book.close(run)
    this.#tell(completeOf(run, frame, bytes, this.#decoder.decode(bytes, frame.headersAt, frame.headersEnd)))
  }

  /** The broker took the task once and will not have it again: its caller must not wait for ever. */
  #onRunLost(run: Followed, error: WireError): void {
    this.#book.close(run)
    if (error.code === 'ERR_AETHER_TRANSPORT_CLOSED') return
    const { code, message, retryable } = toAetherError(error)
    this.#tell({
      action: 'complete',
      route: run.route,
      tid: run.tid,
      client: this.#host?.client ?? '',
      host: this.#host?.host ?? '',
      status: 'failed',
      attempt: 0,
      workgroup: run.workgroup ?? '',
      codec: 'json',
      error: { code, message, retryable },
    })
  }

  /** What nobody waits for. */
  warn(error: WireError): void {
    this.#host?.logger.warn(error.message, { code: error.code, cause: error.cause })
  }

  /** Calls the application; what it throws is its own, and stops nothing here. */
  #tell(event: StatusEvent | CompleteEvent): void {
    const host = this.#host
    if (host === undefined) return
    try {
      host.onEvent(event)
    } catch (error) {
      host.logger.error('a callback of the TCP transport threw', { error })
    }
  }

  #checkOpen(): void {
    const { status } = this.#client.state
    if (status === 'closing' || status === 'closed') throw closedError()
  }

  #checkCall(options: WaitOptions | undefined): void {
    this.#checkOpen()
    options?.signal?.throwIfAborted()
  }
}

/** Names in HELLO are for logs and take 255 bytes. */
function clip(name: string): string {
  return name.slice(0, 80)
}
