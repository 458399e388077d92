import {
  abortable,
  AetherError,
  createStateMachine,
  type Logger,
  silentLogger,
  type TransportState,
  type WaitOptions,
} from '@aether/core'
import { closedError, connectError, connectTimeout, lostCall, lostError, passes } from '../errors.ts'
import type { ResolvedOptions } from '../options.ts'
import { backoffMs, pause } from './backoff.ts'
import { Calls } from './calls.ts'
import { checkServer } from './check-server.ts'
import type { ServerLimits } from './server-limits.ts'
import { ReadyQueue } from './ready-queue.ts'
import type { Argument, RedisLink, Reply, Script, Subscription } from './redis-link.ts'
import type { OpenSession, Session } from './session.ts'
import { Subscriptions } from './subscriptions.ts'
import { Watchdog } from './watchdog.ts'

export interface LinkParts {
  readonly open: OpenSession
  /** Where it leads, for messages; without credentials. */
  readonly name: string
  readonly usesTls: boolean
  readonly isCluster: boolean
  readonly random: () => number
}

/** The one owner of the connections: opens them, watches them, and opens them again. Whatever an older session still says is dropped, since it is no longer this one's. */
export class Link implements RedisLink {
  readonly isCluster: boolean
  readonly #options: ResolvedOptions
  readonly #parts: LinkParts
  readonly #states = createStateMachine()
  readonly #queue: ReadyQueue
  readonly #calls: Calls
  readonly #subscriptions: Subscriptions
  readonly #stop = new AbortController()
  readonly #leaving = new Set<Promise<void>>()
  #logger: Logger = silentLogger
  #generation = 0
  #session: Session | undefined
  #watchdog: Watchdog | undefined
  #starting: Promise<void> | undefined
  #connecting: Promise<void> = Promise.resolve()
  #closing: Promise<void> | undefined

  constructor(options: ResolvedOptions, parts: LinkParts) {
    this.#options = options
    this.#parts = parts
    this.isCluster = parts.isCluster
    this.#queue = new ReadyQueue(options.maxPending, options.connectTimeoutMs)
    this.#calls = new Calls(options, this.#queue, (error) => this.#onRefused(error))
    this.#subscriptions = new Subscriptions(this.#queue, (error) => {
      this.#logger.error('a handler of a Redis message threw', { error })
    })
  }

  get state(): TransportState {
    return this.#states.state
  }

  states(options: WaitOptions = {}): AsyncIterable<TransportState> {
    return this.#states.changes(options)
  }

  start(logger: Logger, options: WaitOptions = {}): Promise<void> {
    if (this.#isOver()) return Promise.reject(this.#overError())
    this.#starting ??= this.#start(logger, options.signal)
    return this.#starting
  }

  run(
    script: Script,
    keys: readonly string[],
    args: readonly Argument[],
    options?: WaitOptions,
  ): Promise<Reply> {
    return this.#calls.run(script, keys, args, options?.signal)
  }

  command(name: string, args: readonly Argument[], options?: WaitOptions): Promise<Reply> {
    return this.#calls.command(name, args, options?.signal)
  }

  publish(channel: string, message: Uint8Array, options?: WaitOptions): Promise<number> {
    return this.#calls.command('publish', [channel, message], options?.signal) as Promise<number>
  }

  async subscribe(channel: string, handler: (message: Buffer) => void): Promise<Subscription> {
    if (this.#isOver()) throw this.#overError()
    return this.#subscriptions.subscribe(false, channel, (message) => handler(message))
  }

  async subscribePattern(
    pattern: string,
    handler: (message: Buffer, channel: string) => void,
  ): Promise<Subscription> {
    if (this.#isOver()) throw this.#overError()
    return this.#subscriptions.subscribe(true, pattern, (message, channel) => handler(message, channel))
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #start(logger: Logger, signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted()
    this.#logger = logger
    this.#states.set({ status: 'starting' })
    const onAbort = (): void => this.#stop.abort(signal?.reason)
    signal?.addEventListener('abort', onAbort, { once: true })
    try {
      this.#connecting = this.#connect(performance.now() + this.#options.connectTimeoutMs)
      await this.#connecting
    } catch (error) {
      throw signal?.aborted === true ? signal.reason : error
    } finally {
      signal?.removeEventListener('abort', onAbort)
    }
  }

  /** Tries until there is a connection; before the first one only until `deadline`. Never rejects once there was one, but for a close. */
  async #connect(deadline: number): Promise<void> {
    let reason: AetherError | undefined
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#attempt(deadline)
      } catch (error) {
        if (this.#stop.signal.aborted) throw this.#stopped()
        const latest = connectError(error, this.#parts.name, this.#parts.usesTls)
        // That the last attempt had no time left says less than what the one before it met.
        reason = reason !== undefined && latest.code === 'ERR_AETHER_CONNECT_TIMEOUT' ? reason : latest
      }
      this.#queue.explain(reason)
      // What once worked may work again; what never did is most likely a mistake in the options.
      const isHopeless = this.#generation === 0 && !reason.retryable
      if (isHopeless || performance.now() >= deadline) throw this.#fail(reason)
      if (this.#generation > 0) this.#states.set({ status: 'reconnecting', attempt, error: reason })
      const delayMs = backoffMs(attempt, this.#options.backoff, this.#parts.random)
      await pause(Math.min(delayMs, deadline - performance.now()), this.#stop.signal)
      if (this.#stop.signal.aborted) throw this.#stopped()
      if (performance.now() >= deadline) throw this.#fail(reason)
    }
  }

  async #attempt(deadline: number): Promise<void> {
    const timeoutMs = Math.max(1, Math.min(this.#options.attemptTimeoutMs, deadline - performance.now()))
    const abort = new AbortController()
    const onStop = (): void => abort.abort(closedError())
    const hint = this.#parts.usesTls ? ' Does that port speak TLS?' : ''
    const timer = setTimeout(() => abort.abort(connectTimeout(timeoutMs, undefined, hint)), timeoutMs)
    this.#stop.signal.addEventListener('abort', onStop, { once: true })
    let session: Session | undefined
    const giveUp = (): void => this.#leave(session)
    try {
      session = await this.#parts.open(abort.signal)
      abort.signal.addEventListener('abort', giveUp, { once: true })
      if (abort.signal.aborted) giveUp()
      // An injected client stays as it is when the session is given up, and so do its answers that do not come.
      const checking = checkServer(session, this.#options.mode, this.isCluster)
      const limits = await abortable(checking, abort.signal)
      await this.#subscriptions.restore(session.listener)
      abort.signal.throwIfAborted()
      this.#becomeReady(session, limits)
    } catch (error) {
      this.#leave(session)
      throw abort.signal.aborted ? abort.signal.reason : error
    } finally {
      clearTimeout(timer)
      abort.signal.removeEventListener('abort', giveUp)
      this.#stop.signal.removeEventListener('abort', onStop)
    }
  }

  #becomeReady(session: Session, limits: ServerLimits): void {
    this.#session = session
    this.#generation += 1
    this.#queue.explain(undefined)
    this.#watchdog = new Watchdog(this.#options.keepAliveMs, session)
    this.#calls.open(session, limits)
    this.#subscriptions.open(session.listener)
    this.#states.set({ status: 'ready', generation: this.#generation })
    if (this.#generation > 1) this.#logger.info('connected to Redis again', { redis: session.name })
    this.#queue.settle()
    session.onLost((error) => this.#lose(session, error))
  }

  /** The one place where a session is given up that worked. */
  #lose(session: Session, cause: Error): void {
    if (this.#session !== session) return
    this.#forget()
    this.#leave(session)
    const error = lostError(`The connection to Redis at ${session.name} ended: ${cause.message}`, cause)
    this.#calls.lose(lostCall(error))
    this.#logger.warn('lost the connection to Redis', { redis: session.name, reason: cause.message })
    this.#queue.explain(error)
    this.#states.set({ status: 'reconnecting', attempt: 0, error })
    this.#connecting = this.#reconnect()
    // Rejects only for a close, which is in the state already.
    this.#connecting.catch(() => {})
  }

  async #reconnect(): Promise<void> {
    await pause(backoffMs(1, this.#options.backoff, this.#parts.random), this.#stop.signal)
    await this.#connect(Number.POSITIVE_INFINITY)
  }

  /** A master that became a replica stays connected and refuses: only a new connection finds the new master. */
  #onRefused(error: Error): void {
    const session = this.#session
    if (session === undefined || this.isCluster || !passes(error)) return
    if (error.message.includes('READONLY')) this.#lose(session, error)
  }

  async #close(): Promise<void> {
    const wasOver = this.#states.state.status === 'failed'
    if (!wasOver) this.#states.set({ status: 'closing' })
    const session = this.#session
    this.#forget()
    this.#stop.abort()
    this.#calls.end(closedError())
    this.#queue.settle(closedError())
    this.#leave(session)
    // What it rejects with was told to those who wait for `start`.
    await this.#connecting.catch(() => {})
    while (this.#leaving.size > 0) await Promise.all(this.#leaving)
    this.#states.set({ status: 'closed' })
  }

  #fail(error: AetherError): AetherError {
    this.#states.set({ status: 'failed', error })
    this.#calls.end(error)
    this.#queue.settle(error)
    return error
  }

  #forget(): void {
    this.#session = undefined
    this.#subscriptions.lose()
    this.#watchdog?.stop()
    this.#watchdog = undefined
  }

  #leave(session: Session | undefined): void {
    if (session === undefined) return
    const leaving = session.destroy().finally(() => this.#leaving.delete(leaving))
    this.#leaving.add(leaving)
  }

  /** What `start` rejects with when it was stopped. */
  #stopped(): AetherError {
    if (this.#closing !== undefined) return closedError()
    return this.#fail(new AetherError('ERR_AETHER_TRANSPORT_CLOSED', 'The start of redis was aborted.'))
  }

  #isOver(): boolean {
    const { status } = this.#states.state
    return status === 'closing' || status === 'closed' || status === 'failed'
  }

  #overError(): AetherError {
    const { state } = this.#states
    return state.status === 'failed' ? state.error : closedError()
  }
}
