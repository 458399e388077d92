import { TidTable } from '../table/tid-table.ts'
import type { TaskRun } from '../client/task-run.ts'
import { AetherError } from '../errors.ts'
import type {
  Capabilities,
  CompleteEvent,
  StatusEvent,
  Transport,
  TransportHost,
  WaitOptions,
} from '../transport.ts'

/** One transport of an application, with the runs that wait for its events. */
export class Channel {
  readonly name: string
  readonly transport: Transport
  /** Open runs by tid; there may be several of one. */
  readonly runs: TidTable<TaskRun> = new TidTable<TaskRun>()
  /** Whether `start` has resolved: hot paths skip waiting for it. */
  isStarted = false

  readonly #host: TransportHost
  #starting: Promise<void> | undefined
  #closing: Promise<void> | undefined

  constructor(
    name: string,
    transport: Transport,
    host: Omit<TransportHost, 'onEvent'>,
    onEvent: ChannelListener,
  ) {
    this.name = name
    this.transport = transport
    this.#host = { ...host, onEvent: (event) => onEvent(this, event) }
  }

  /** Connects once, however often it is called; a later caller's signal ends only its own wait. */
  start(options: WaitOptions = {}): Promise<void> {
    if (this.isStarted) return Promise.resolve()
    if (this.#closing !== undefined) return Promise.reject(closed(this.name))
    this.#starting ??= this.transport.start(this.#host).then(() => {
      this.isStarted = true
    })
    return options.signal === undefined ? this.#starting : abortable(this.#starting, options.signal)
  }

  close(options: WaitOptions = {}): Promise<void> {
    // A transport that was never started holds nothing, but closing it keeps it from being started elsewhere by accident.
    this.#closing ??= this.transport.close(options)
    this.isStarted = false
    return this.#closing
  }

  /** Throws `ERR_AETHER_CAPABILITY_UNSUPPORTED` unless the transport declares that it can. */
  require(capability: BooleanCapability, what: string): void {
    if (this.transport.capabilities[capability]) return
    throw new AetherError(
      'ERR_AETHER_CAPABILITY_UNSUPPORTED',
      `${what} needs "${capability}", which transport ${this.transport.name} of channel ${this.name} does not have`,
      { detail: { capability, transport: this.transport.name, channel: this.name } },
    )
  }
}

export type ChannelListener = (channel: Channel, event: StatusEvent | CompleteEvent) => void

type BooleanCapability = {
  [K in keyof Capabilities]: Capabilities[K] extends boolean ? K : never
}[keyof Capabilities]

function closed(name: string): AetherError {
  return new AetherError('ERR_AETHER_CLIENT_CLOSED', `channel ${name} is closed`, {
    detail: { channel: name },
  })
}

/** Waits for a promise that others wait for too, until aborted. */
export function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  if (signal.aborted) return Promise.reject(signal.reason)
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}
