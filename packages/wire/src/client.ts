import { Connection } from './connection/connection.ts'
import type { ConnectionState } from './connection/connection-state.ts'
import { WireError } from './errors.ts'
import { FrameCursor } from './frames/frame-cursor.ts'
import { readDropped, readTopic, readTopicDrop } from './frames/pubsub.ts'
import type { HeadersInput } from './frames/headers.ts'
import type { Lease } from './tasks/lease.ts'
import type { Message } from './pubsub/message.ts'
import { type ClientOptions, invalid, type ResolvedOptions, resolveOptions } from './options.ts'
import { FrameType } from './protocol.ts'
import { Publisher } from './pubsub/publisher.ts'
import { Requester, type RequestOptions } from './requests/requester.ts'
import { type RequestHandler, Server, type ServeOptions, type Serving } from './requests/server.ts'
import { StateStream } from './connection/state-stream.ts'
import { Subscriber } from './pubsub/subscriber.ts'
import type { SubscribeOptions, Subscription } from './pubsub/subscription.ts'
import { type ConsumeSpec, type TaskConsumer, TaskConsumers } from './tasks/task-consumers.ts'
import { type RunHandler, type SendWaiter, TaskRuns, type TaskSend } from './tasks/task-runs.ts'

export interface PublishOptions {
  readonly headers?: HeadersInput
}

/** Names for HELLO, where they are known only now. */
export interface Identity {
  readonly client?: string
  readonly host?: string
}

export interface CloseOptions {
  /** Aborted, it ends the wait for what is under way. */
  readonly signal?: AbortSignal
}

/** The task operations of a session; `C` is what the caller keeps with each run. */
export interface TaskSession<C> {
  /** Resolves once the broker holds the task, with whether it knew the tid already. */
  send(task: TaskSend, context: C): Promise<boolean>
  /** As `send`, for a caller with a promise of its own: nothing is thrown, `waiter` hears it. */
  post(task: TaskSend, context: C, waiter: SendWaiter): void
  /** As `send`, for a task that this client watches already: it brings no further events. */
  repeat(task: TaskSend): Promise<boolean>
  /** Watches a task that someone sent. `ERR_AETHER_TASK_UNKNOWN`. */
  attach(route: string, tid: string, context: C): Promise<void>
  /** Ends a task as cancelled. `ERR_AETHER_TASK_UNKNOWN`. */
  cancel(route: string, tid: string, reason: string): Promise<void>
  consume(spec: ConsumeSpec, handler: (lease: Lease) => void): Promise<TaskConsumer>
}

/**
 * A session with a broker. Every method may be used at any time and at once with others: while there is no connection they wait for it, at most
 * `connectTimeoutMs`. What was under way when a connection is lost rejects with `ERR_AETHER_TRANSPORT_LOST`: it may have been done. Subscriptions,
 * servings and consumers are made again, once each.
 */
export interface Client extends AsyncDisposable {
  readonly state: ConnectionState
  /** Messages that the broker dropped because this client read too slowly. */
  readonly missed: number
  /** The state in which it is first read, then each change; ends after `closed` or `failed`. */
  states(options?: { readonly signal?: AbortSignal }): AsyncIterable<ConnectionState>
  /** Connects. `ERR_AETHER_CONNECT_FAILED`, `ERR_AETHER_CONNECT_TIMEOUT`, `ERR_AETHER_PROTOCOL_VERSION`. Idempotent. */
  start(identity?: Identity): Promise<void>
  /**
   * Publishes at most once, at once: there is nothing to wait for. False: much waits to be sent already, so await `drained` before the next one.
   * A payload of more than 2 KiB is not copied, and must not change before it was sent. `ERR_AETHER_TOPIC_INVALID`, `ERR_AETHER_PAYLOAD_TOO_LARGE`,
   * `ERR_AETHER_QUEUE_FULL`.
   */
  publish(topic: string, payload: Uint8Array, options?: PublishOptions): boolean
  /** Resolves when `publish` has room again; where much is held for a connection, at the next one. `ERR_AETHER_CONNECT_TIMEOUT`. */
  drained(): Promise<void>
  /** Resolves once the broker has handled everything that was published before. */
  flush(): Promise<void>
  /** Resolves once the broker knows the subscription. `ERR_AETHER_TOPIC_INVALID`. */
  subscribe(filter: string, options?: SubscribeOptions): Promise<Subscription>
  /** Ends every subscription of a filter. */
  unsubscribe(filter: string): Promise<void>
  /** Asks whoever serves a topic. `ERR_AETHER_RESPONDERS_NONE`, `ERR_AETHER_REQUEST_TIMEOUT`, `ERR_AETHER_TRANSPORT_LOST`, or what the handler threw. */
  request(topic: string, payload: Uint8Array, options?: RequestOptions): Promise<Message>
  /** Answers requests on a topic, in competition with whoever else serves it. */
  serve(topic: string, handler: RequestHandler, options?: ServeOptions): Promise<Serving>
  /** The task operations; once for each client. */
  tasks<C>(handler: RunHandler<C>): TaskSession<C>
  /** Confirms what is under way, says goodbye and ends; everything that waits rejects with `ERR_AETHER_TRANSPORT_CLOSED`. Idempotent. */
  close(options?: CloseOptions): Promise<void>
}

/** A client over whatever `dial` opens; `start` connects it. Throws `ERR_AETHER_OPTIONS_INVALID`. */
export function createClient(options: ClientOptions): Client {
  return new Session(resolveOptions(options))
}

const nothing = {}

class Session implements Client {
  missed = 0
  readonly #options: ResolvedOptions
  readonly #connection: Connection
  readonly #cursor = new FrameCursor()
  readonly #states: StateStream
  readonly #publisher: Publisher
  readonly #subscriber: Subscriber
  readonly #requester: Requester
  readonly #server: Server
  readonly #consumers: TaskConsumers
  #runs: TaskRuns<never> | undefined

  constructor(options: ResolvedOptions) {
    this.#options = options
    this.#states = new StateStream()
    this.#connection = new Connection(options, {
      onReady: () => this.#onReady(),
      onLost: (error) => this.#onLost(error),
      onFrame: (type, bytes, start, end) => this.#onFrame(type, bytes, start, end),
      onState: (state) => this.#states.push(state),
    })
    this.#publisher = new Publisher(this.#connection, options, (topic) => this.#subscriber.idOf(topic))
    this.#subscriber = new Subscriber(this.#connection, options.onWarning)
    this.#requester = new Requester(this.#connection, this.#publisher, options)
    this.#server = new Server(this.#connection, this.#subscriber, options.onWarning)
    this.#consumers = new TaskConsumers(this.#connection, options.onWarning)
  }

  get state(): ConnectionState {
    return this.#connection.state
  }

  states(options: { readonly signal?: AbortSignal } = nothing): AsyncIterable<ConnectionState> {
    return this.#states.iterate(() => this.#connection.state, options.signal)
  }

  start(identity: Identity = nothing): Promise<void> {
    return this.#connection.start(identity)
  }

  publish(topic: string, payload: Uint8Array, options?: PublishOptions): boolean {
    if (!(payload instanceof Uint8Array)) throw invalid('payload', 'a Uint8Array', payload)
    return this.#publisher.publish(topic, payload, options?.headers)
  }

  drained(): Promise<void> {
    return this.#publisher.drained()
  }

  flush(): Promise<void> {
    return this.#connection.barrier()
  }

  subscribe(filter: string, options: SubscribeOptions = nothing): Promise<Subscription> {
    return this.#subscriber.subscribe(filter, options)
  }

  unsubscribe(filter: string): Promise<void> {
    return this.#subscriber.unsubscribe(filter)
  }

  request(topic: string, payload: Uint8Array, options: RequestOptions = nothing): Promise<Message> {
    if (!(payload instanceof Uint8Array)) return Promise.reject(invalid('payload', 'a Uint8Array', payload))
    return this.#requester.request(topic, payload, options)
  }

  serve(topic: string, handler: RequestHandler, options: ServeOptions = nothing): Promise<Serving> {
    return this.#server.serve(topic, handler, options)
  }

  tasks<C>(handler: RunHandler<C>): TaskSession<C> {
    if (this.#runs !== undefined)
      throw new WireError('ERR_AETHER_OPTIONS_INVALID', 'The tasks of this client have an owner already.')
    const runs = new TaskRuns<C>(this.#connection, this.#options, handler)
    this.#runs = runs as unknown as TaskRuns<never>
    if (handler.mapError !== undefined) this.#consumers.mapErrors((error) => handler.mapError!(error))
    return {
      send: (task, context) => runs.send(task, context),
      post: (task, context, waiter) => runs.post(task, context, waiter),
      repeat: (task) => runs.repeat(task),
      attach: (route, tid, context) => runs.attach(route, tid, context),
      cancel: (route, tid, reason) => runs.cancel(route, tid, reason),
      consume: (spec, onLease) => this.#consumers.consume(spec, onLease),
    }
  }

  close(options: CloseOptions = nothing): Promise<void> {
    return this.#connection.close(options.signal)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #onFrame(type: number, bytes: Uint8Array, start: number, end: number): void {
    if (type === FrameType.PUBLISH) return this.#subscriber.onPublish(bytes, start, end)
    const cursor = this.#cursor.reset(bytes, start, end)
    switch (type) {
      case FrameType.PUBLISH_NAMED:
        return this.#subscriber.onPublishNamed(bytes, start, end)
      case FrameType.REPLY:
        return this.#requester.onReply(cursor)
      case FrameType.REQUEST:
        return this.#server.onRequest(cursor)
      case FrameType.DELIVER:
        return this.#consumers.onDeliver(cursor)
      case FrameType.COMPLETE:
        return this.#runs?.onComplete(cursor)
      case FrameType.STATUS:
        return this.#runs?.onStatus(cursor)
      case FrameType.REVOKE:
        return this.#consumers.onRevoke(cursor)
      case FrameType.ROUTE:
        return this.#consumers.onRoute(cursor)
      case FrameType.TOPIC: {
        const { topicId, topic } = readTopic(cursor)
        this.#subscriber.onTopic(topicId, topic)
        return this.#publisher.onTopic(topicId, topic)
      }
      case FrameType.TOPIC_DROP: {
        const topic = this.#subscriber.onTopicDrop(readTopicDrop(cursor))
        if (topic !== undefined) this.#publisher.onTopicDrop(topic)
        return
      }
      case FrameType.DROPPED:
        this.missed += readDropped(cursor)
        return
      default:
        throw new WireError(
          'ERR_AETHER_FRAME_UNKNOWN',
          `A frame of type ${type}, which a broker does not send.`,
        )
    }
  }

  #onReady(): void {
    this.#subscriber.onReady()
    this.#server.onReady()
    this.#consumers.onReady()
    this.#runs?.onReady()
    this.#publisher.onReady()
  }

  #onLost(error: WireError): void {
    this.#publisher.onLost()
    this.#subscriber.onLost()
    this.#server.onLost()
    this.#requester.onLost(error)
    this.#consumers.onLost(error)
    this.#runs?.onLost(error)
  }
}
