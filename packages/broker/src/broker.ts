import type { BrokerDeadLetter, DeadLetterKey } from './tasks/dead-letters.ts'
import { BrokerCore } from './core.ts'
import { Listener } from './connection/listener.ts'
import { type BrokerConfig, brokerConfig, type BrokerOptions } from './options.ts'
import type { BrokerStats } from './stats.ts'
import { WireError } from '@aether/wire'

export type BrokerState =
  | { readonly status: 'idle' }
  | { readonly status: 'starting' }
  | { readonly status: 'ready' }
  | { readonly status: 'closing' }
  | { readonly status: 'closed' }
  | { readonly status: 'failed'; readonly error: WireError }

export interface DrainOptions {
  /** How long running tasks and open requests may take to end. @default drainGraceMs of the broker */
  readonly graceMs?: number
}

export interface CloseOptions {
  /** Ends the drain at once when it aborts; `close` then resolves all the same. */
  readonly signal?: AbortSignal
}

/** A broker: pub/sub, request/reply and task queues behind one TCP port, in this process and in its memory. */
export interface Broker {
  readonly state: BrokerState
  /** Where it listens. Throws `ERR_AETHER_TRANSPORT_CLOSED` unless it is ready. */
  readonly address: { readonly host: string; readonly port: number }
  /** What clients connect to, `aether://host:port`. Throws as `address` does. */
  readonly url: string
  /** Listens. Rejects with `ERR_AETHER_PORT_IN_USE`; a second call returns the promise of the first. */
  start(): Promise<void>
  stats(): BrokerStats
  /** The tasks that nobody could do, oldest first. */
  deadLetters(): BrokerDeadLetter[]
  /** Sends a dead letter again and returns its new tid; undefined when it is not there, or the broker has no room. */
  redrive(key: DeadLetterKey): string | undefined
  /** Takes no new connection, task or request and delivers nothing more; waits until what runs has ended or the grace is over, then closes. */
  drain(options?: DrainOptions): Promise<void>
  /** As `drain`, with the broker's own grace. Tasks still in queues are gone with the process's memory. Idempotent. */
  close(options?: CloseOptions): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/** How often a drain looks whether all is done. */
const DRAIN_STEP_MS = 10

class TcpBroker implements Broker {
  readonly #config: BrokerConfig
  readonly #core: BrokerCore
  readonly #listener: Listener
  #state: BrokerState = { status: 'idle' }
  #starting: Promise<void> | undefined
  #closing: Promise<void> | undefined
  #address: { readonly host: string; readonly port: number } | undefined
  /** Ends a running drain. */
  readonly #hurry = new AbortController()

  constructor(config: BrokerConfig) {
    this.#config = config
    this.#core = new BrokerCore(config)
    this.#listener = new Listener(
      (socket) => this.#core.accept(socket),
      (error) => config.logger.error('a connection could not be accepted', { error }),
    )
  }

  get state(): BrokerState {
    return this.#state
  }

  get address(): { readonly host: string; readonly port: number } {
    if (this.#address === undefined) throw notListening(this.#state.status)
    return this.#address
  }

  get url(): string {
    const { host, port } = this.address
    return `aether://${host.includes(':') ? `[${host}]` : host}:${port}`
  }

  start(): Promise<void> {
    if (this.#closing !== undefined) return Promise.reject(notListening(this.#state.status))
    this.#starting ??= this.#start()
    return this.#starting
  }

  stats(): BrokerStats {
    return this.#core.stats()
  }

  deadLetters(): BrokerDeadLetter[] {
    return [...this.#core.deadLetters()]
  }

  redrive(key: DeadLetterKey): string | undefined {
    return this.#core.redrive(key)
  }

  drain(options: DrainOptions = {}): Promise<void> {
    const graceMs = options.graceMs ?? this.#config.drainGraceMs
    if (!(graceMs >= 0)) {
      return Promise.reject(
        new WireError('ERR_AETHER_OPTIONS_INVALID', `graceMs ${graceMs} is not valid: it must be 0 or more.`),
      )
    }
    this.#closing ??= this.#close(graceMs)
    return this.#closing
  }

  close(options: CloseOptions = {}): Promise<void> {
    const { signal } = options
    const closing = this.drain()
    if (signal === undefined) return closing
    const hurry = (): void => this.#hurry.abort()
    if (signal.aborted) hurry()
    else signal.addEventListener('abort', hurry, { once: true })
    return closing.finally(() => signal.removeEventListener('abort', hurry))
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #start(): Promise<void> {
    this.#state = { status: 'starting' }
    const { host, port } = this.#config
    try {
      await this.#listener.listen(host, port)
    } catch (error) {
      this.#state = { status: 'failed', error: error as WireError }
      throw error
    }
    if (this.#closing !== undefined) throw notListening(this.#state.status)
    this.#address = { host, port: this.#listener.port }
    this.#state = { status: 'ready' }
    this.#config.logger.info('listening', { url: this.url })
  }

  async #close(graceMs: number): Promise<void> {
    // A start under way comes first: it either listens by then or has failed.
    await this.#starting?.catch(() => {})
    this.#state = { status: 'closing' }
    this.#listener.stop()
    this.#core.drain()
    await this.#quiet(graceMs)
    await this.#core.end()
    this.#address = undefined
    this.#state = { status: 'closed' }
    this.#config.logger.info('closed', {})
  }

  /** Resolves when nothing runs, the grace is over, or someone is in a hurry. */
  #quiet(graceMs: number): Promise<void> {
    const until = performance.now() + graceMs
    return new Promise((resolve) => {
      const look = (): void => {
        if (this.#core.isQuiet || performance.now() >= until || this.#hurry.signal.aborted) resolve()
        else setTimeout(look, DRAIN_STEP_MS)
      }
      look()
    })
  }
}

/**
 * Makes a broker; nothing happens before `start`. Throws `ERR_AETHER_OPTIONS_INVALID`.
 *
 * @example
 * const broker = createBroker({ port: 0 })
 * await broker.start()
 * const client = await connect(broker.url)
 */
export function createBroker(options: BrokerOptions = {}): Broker {
  return new TcpBroker(brokerConfig(options))
}

function notListening(status: string): WireError {
  return new WireError('ERR_AETHER_TRANSPORT_CLOSED', `The broker does not listen: it is ${status}.`)
}
