import {
  abortable,
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
import { HeaderDecoder, HeaderEncoder } from './block-headers.ts'
import type { TcpCapabilities } from './capabilities.ts'
import { checkConsume, checkTask } from './check-task.ts'
import { codecByte } from './codec-byte.ts'
import { type DeliveryHost, TcpDelivery } from './delivery.ts'
import { closedError, invalidInput, mapped, payloadTooLarge, toAetherError } from './errors.ts'
import { completeOf, eventFromMessage, eventToMessage, statusOf } from './event-message.ts'
import { type Followed, type RoutePage, RunBook } from './run-book.ts'
import { transportState } from './transport-state.ts'

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
      mapError: toAetherError,
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

  /** One promise a task, while there is no signal. */
  send(task: TaskMessage, options?: WaitOptions): Promise<Receipt> {
    try {
      this.#checkCall(options)
      checkTask(task, this.capabilities.maxPayloadBytes)
      return abortable(this.#send(task), options?.signal)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  async attach(route: Route, tid: string, options?: WaitOptions): Promise<void> {
    this.#checkCall(options)
    checkName('tid', tid)
    const page = this.#book.page(route)
    // Where it is followed already, its events come already.
    const run = this.#book.find(page, tid) ?? this.#attach(page, tid)
    await abortable(run.receipt, options?.signal)
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
    await abortable(mapped(this.#client.drained()), options?.signal)
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

  #send(task: TaskMessage): Promise<Receipt> {
    const page = this.#book.page(task.route)
    const known = this.#book.find(page, task.tid)
    const message = this.#message(page, task)
    if (known !== undefined) return this.#repeat(known, task, message)
    const run = this.#book.open(page, task.tid, task.workgroup)
    this.#tasks.post(message, run, run)
    return run.receipt
  }

  async #repeat(known: Followed, task: TaskMessage, message: TaskSend): Promise<Receipt> {
    await known.receipt.catch(() => {})
    // The first one was refused, or is over: this one is a task of its own.
    if (this.#book.find(known.page, known.tid) !== known) return this.#send(task)
    return { deduplicated: await mapped(this.#tasks.repeat(message)) }
  }

  #attach(page: RoutePage, tid: string): Followed {
    const run = this.#book.open(page, tid, undefined)
    this.#tasks.attach(page.key, tid, run).then(
      () => run.confirmed(false),
      (error: unknown) => run.refused(error),
    )
    return run
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
