import {
  abortable,
  isAetherError,
  type Aether,
  type AetherError,
  type Listener,
  type Logger,
  type WaitOptions,
} from '@aether/core'
import { closedError } from './errors.ts'
import { Registration, type Begin } from './registration.ts'

/** Between two attempts of `run`, each of which tries for as long as the transport's connect timeout. */
const pauseMs = 1_000
/** How long `close` lets handlers and open tasks finish. */
const closeGraceMs = 30_000

export interface SessionHost {
  readonly channel: string
  readonly logger: Logger
  /** A new application on a new transport: what failed once cannot be started again. */
  create(): Aether
}

type State =
  | { readonly status: 'idle' }
  | { readonly status: 'connecting'; readonly opening: Promise<Aether> }
  | { readonly status: 'ready'; readonly aether: Aether }
  | { readonly status: 'closed' }

/** One connection, with what is to work on it whenever it stands. */
export class Session {
  readonly #host: SessionHost
  readonly #registrations = new Set<Registration>()
  /** The application of now: waiting for its first use, starting, or ready. */
  #aether: Aether | undefined
  #state: State = { status: 'idle' }
  /** Of the application that failed last; never rejects. */
  #discarding: Promise<void> = Promise.resolve()
  /** Told when a connection has failed for good, or the session is closed. */
  readonly #onEnd = new Set<(error: AetherError | undefined) => void>()

  /** Makes the transport at once, so that what is wrong with its options is told where they were written. */
  constructor(host: SessionHost) {
    this.#host = host
    this.#aether = host.create()
  }

  get isReady(): boolean {
    return this.#state.status === 'ready' && this.#state.aether.state.status === 'ready'
  }

  /** Resolves when connected, with everything registered at work. One attempt for all who ask meanwhile; a later call tries again. */
  connect(options: WaitOptions = {}): Promise<Aether> {
    const { signal } = options
    if (signal?.aborted === true) return Promise.reject(signal.reason)
    return abortable(this.#opened(), signal)
  }

  /**
   * Registers what is to work on each connection, and begins it now. Where the engine cannot be reached it stays registered for later, with a warning; what is refused
   * rejects and is forgotten.
   */
  async register(what: string, begin: Begin): Promise<Listener> {
    const registration = new Registration(begin)
    this.#registrations.add(registration)
    try {
      await registration.beginOn(await this.connect())
    } catch (error) {
      if (!isUnreachable(error)) {
        this.#registrations.delete(registration)
        await registration.close()
        throw error
      }
      const { channel, logger } = this.#host
      logger.warn(`${what} waits for a connection`, { channel, code: error.code, error: error.message })
    }
    return {
      close: async () => {
        this.#registrations.delete(registration)
        await registration.close()
      },
    }
  }

  /** Keeps the connection until closed: tries again while the engine cannot be reached, rejects with what was refused. */
  async run(): Promise<void> {
    const { channel, logger } = this.#host
    while (this.#state.status !== 'closed') {
      try {
        await this.#ended(await this.connect())
      } catch (error) {
        if (this.#isClosed()) return
        if (!isUnreachable(error)) throw error
        logger.warn('no connection: trying on', { channel, code: error.code, error: error.message })
        await this.#pause()
      }
    }
  }

  /** Lets handlers and open tasks finish, for half a minute at most or until aborted. Idempotent. */
  async close({ signal }: WaitOptions = {}): Promise<void> {
    const aether = this.#aether
    if (this.#state.status !== 'closed') {
      this.#state = { status: 'closed' }
      this.#tellEnd(undefined)
    }
    if (aether === undefined) return this.#discarding
    const grace = new AbortController()
    const timer = setTimeout(() => grace.abort(), closeGraceMs)
    try {
      const either = signal === undefined ? grace.signal : AbortSignal.any([grace.signal, signal])
      await Promise.all([aether.close({ signal: either }), this.#discarding])
    } finally {
      clearTimeout(timer)
    }
  }

  #opened(): Promise<Aether> {
    switch (this.#state.status) {
      case 'closed':
        return Promise.reject(closedError(this.#host.channel))
      case 'ready':
        return Promise.resolve(this.#state.aether)
      case 'connecting':
        return this.#state.opening
      default: {
        const opening = this.#open()
        this.#state = { status: 'connecting', opening }
        return opening
      }
    }
  }

  async #open(): Promise<Aether> {
    // A turn later, so that the state says what is going on before anything of it can end.
    await Promise.resolve()
    try {
      const aether = (this.#aether ??= this.#host.create())
      // From before the start, so that no change is missed. It ends with the application, and rejects never.
      void this.#watch(aether)
      await aether.start()
      // Before anybody else may use it: whoever performs finds the workers of this connection at work.
      await this.#beginAll(aether)
      if (this.#isClosed()) throw closedError(this.#host.channel)
      if (aether.state.status === 'failed') throw aether.state.error
      this.#state = { status: 'ready', aether }
      this.#host.logger.info('connected', { channel: this.#host.channel })
      return aether
    } catch (error) {
      if (this.#isClosed()) throw closedError(this.#host.channel)
      this.#state = { status: 'idle' }
      this.#discarding = this.#discard()
      await this.#discarding
      throw error
    }
  }

  /** A method, as the state may have changed while something was waited for. */
  #isClosed(): boolean {
    return this.#state.status === 'closed'
  }

  async #watch(aether: Aether): Promise<void> {
    const { channel, logger } = this.#host
    let isLost = false
    for await (const { state } of aether.states()) {
      if (state.status === 'reconnecting' && !isLost) {
        isLost = true
        logger.warn('connection lost; reconnecting', { channel, error: state.error.message })
      } else if (state.status === 'ready') {
        if (isLost) logger.info('connected again', { channel })
        isLost = false
        if (this.#state.status === 'ready') await this.#beginAll(aether)
      } else if (state.status === 'failed') this.#failed(aether, state.error)
    }
  }

  /** The transport gave up: what comes next needs another one. */
  #failed(aether: Aether, error: AetherError): void {
    if (this.#state.status !== 'ready' || this.#state.aether !== aether) return
    this.#state = { status: 'idle' }
    const { channel, logger } = this.#host
    logger.error('connection failed', { channel, code: error.code, error: error.message })
    // Told before anybody may ask for the next one.
    this.#discarding = this.#discard()
    this.#tellEnd(error)
  }

  /** What was refused long after it was registered has nobody to tell but the log. */
  async #beginAll(aether: Aether): Promise<void> {
    const { channel, logger } = this.#host
    const begun = [...this.#registrations].map((each) => each.beginOn(aether))
    for (const outcome of await Promise.allSettled(begun)) {
      if (outcome.status === 'fulfilled') continue
      const error: unknown = outcome.reason
      logger.warn('a worker or listener did not begin', {
        channel,
        error: error instanceof Error ? error.message : String(error),
      })
    }
  }

  async #discard(): Promise<void> {
    const aether = this.#aether
    this.#aether = undefined
    try {
      await aether?.close({ signal: AbortSignal.abort() })
    } catch (error) {
      const { channel, logger } = this.#host
      logger.debug('closing a failed connection failed', { channel, error: String(error) })
    }
  }

  /** Rejects with what ended this connection; resolves when the session is closed. */
  async #ended(aether: Aether): Promise<void> {
    const isNow = this.#state.status === 'ready' && this.#state.aether === aether
    const { state } = aether
    const error = isNow
      ? await new Promise<AetherError | undefined>((resolve) => this.#onEnd.add(resolve))
      : state.status === 'failed'
        ? state.error
        : undefined
    if (error !== undefined) throw error
  }

  #tellEnd(error: AetherError | undefined): void {
    const told = [...this.#onEnd]
    this.#onEnd.clear()
    for (const tell of told) tell(error)
  }

  /** Keeps the process alive meanwhile; a close ends it. */
  #pause(): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer)
        this.#onEnd.delete(done)
        resolve()
      }
      const timer = setTimeout(done, pauseMs)
      this.#onEnd.add(done)
    })
  }
}

/** Nobody answers there, or not now: that may pass. What an engine refuses does not. */
function isUnreachable(error: unknown): error is AetherError {
  return (
    isAetherError(error) &&
    error.retryable &&
    (error.code === 'ERR_AETHER_CONNECT_TIMEOUT' ||
      error.code === 'ERR_AETHER_CONNECT_FAILED' ||
      error.code === 'ERR_AETHER_TRANSPORT_LOST')
  )
}
