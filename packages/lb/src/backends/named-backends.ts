import { checkMs, checkObject } from '../check-options.ts'
import type { Clock, Timer } from '../clock.ts'
import { closedError, invalidOption, LbError } from '../errors.ts'
import type { EventStream } from '../observe/events.ts'
import type { Random } from '../random.ts'
import { reasonText } from '../reason-text.ts'
import {
  type Backend,
  type BackendChange,
  type BackendOptions,
  checkBackend,
  checkUpdate,
  fieldsOf,
} from './backend.ts'
import type { Endpoint } from './endpoint.ts'
import { authorityOf } from './host.ts'
import type { Registry, UpdateOptions } from './registry.ts'
import { readAnswer, type Resolve } from './resolve.ts'

/** A host name, and what each backend at one of its addresses is like. */
export interface NameOptions extends Omit<BackendOptions, 'id'> {
  /** How often the name is resolved anew at least; it varies by a tenth, so that balancers do not march in step. @default 30_000 */
  readonly refreshMs?: number
  /** How long the resolver may take. @default 5_000 */
  readonly resolveTimeoutMs?: number
}

/** The backends of one name, for as long as it is followed. */
export interface NamedBackends {
  /** `name:port`. */
  readonly id: string
  readonly name: string
  /** As of the last time the name was resolved; one that was removed by hand stays away until its address has left the name. */
  readonly backends: readonly Backend[]
  /** Changes all of them in place, or none, and what those to come will be like. `ERR_AETHER_REPLICAS_SHORT` if a replica group needs them as they are. */
  update(change: BackendChange, options?: UpdateOptions): void
  /** Resolves the name now; never rejects: what went wrong is an event. */
  refresh(): Promise<void>
  /** Ends resolving; the backends stay. */
  close(): void
}

export interface NameParts {
  readonly registry: Registry
  readonly resolve: Resolve
  readonly clock: Clock
  readonly random: Random
  readonly events: EventStream
  readonly onClose: () => void
}

/** Part of `refreshMs` by which it varies. */
const jitter = 0.1
/** However short an answer holds, the resolver is not asked more often. */
const leastRefreshMs = 1_000

/**
 * One backend for each address of a name. New addresses are added and those that are gone drained, then removed; a resolver that fails, finds nothing or takes
 * too long changes nothing: the last answer is the best there is.
 */
export class ResolvedName implements NamedBackends {
  readonly id: string
  readonly name: string
  /** It was resolved for the first time. */
  isOpen = false
  private readonly known = new Map<string, Endpoint>()
  private readonly refreshMs: number
  /** Of the last answer. */
  private holdsMs = Infinity
  private readonly resolveTimeoutMs: number
  private readonly fixed: Pick<BackendOptions, 'port' | 'hostname'>
  private change: BackendChange
  private readonly parts: NameParts
  private readonly stop = new AbortController()
  private timer: Timer | undefined = undefined
  private running: Promise<void> | undefined = undefined

  constructor(options: NameOptions, parts: NameParts) {
    const { refreshMs = 30_000, resolveTimeoutMs = 5_000, ...backend } = checkObject(options, 'a name')
    this.refreshMs = checkMs(refreshMs, 'refreshMs')
    this.resolveTimeoutMs = checkMs(resolveTimeoutMs, 'resolveTimeoutMs')
    const { host: _, port, hostname, ...change } = backend
    this.name = checkBackend(backend).host
    if ('id' in backend) throw invalidOption('a name has no id: its backends have one each')
    this.id = authorityOf(this.name, port)
    this.fixed = { port, hostname: hostname ?? this.name }
    this.change = checkUpdate(change)
    this.parts = parts
  }

  get backends(): readonly Backend[] {
    return [...this.known.values()].filter((endpoint) => !endpoint.isRemoved)
  }

  /** Rejects with `ERR_AETHER_BACKENDS_NONE` if the name has no address now. */
  async open(): Promise<void> {
    let addresses: ReadonlySet<string>
    try {
      addresses = await this.ask()
    } catch (cause) {
      if (this.isClosed) throw closedError()
      const text = `"${this.name}" resolves to no address: ${reasonText(cause)}`
      throw new LbError('ERR_AETHER_BACKENDS_NONE', text, {
        retryable: true,
        cause,
        detail: { name: this.name },
      })
    }
    if (this.isClosed) throw closedError()
    this.apply(addresses)
    this.isOpen = true
    this.schedule()
  }

  refresh(): Promise<void> {
    if (this.isClosed) return Promise.resolve()
    this.running ??= this.resolveAgain().finally(() => {
      this.running = undefined
      this.schedule()
    })
    return this.running
  }

  update(change: BackendChange, options?: UpdateOptions): void {
    const checked = checkUpdate(change)
    const present = [...this.known.values()].filter(({ isRemoved }) => !isRemoved)
    this.parts.registry.updateAll(present, checked, options)
    this.change = { ...this.change, ...checked }
  }

  close(): void {
    this.stop.abort()
    this.timer?.cancel()
    this.parts.onClose()
  }

  private get isClosed(): boolean {
    return this.stop.signal.aborted
  }

  private schedule(): void {
    this.timer?.cancel()
    if (this.isClosed) return
    const { clock, random } = this.parts
    const holdsMs = Math.max(this.holdsMs, leastRefreshMs)
    const delayMs = Math.min(holdsMs, this.refreshMs) * (1 + jitter * (random() * 2 - 1))
    // A refresh tells what went wrong as an event, and never rejects.
    this.timer = clock.setTimer(() => void this.refresh(), delayMs)
  }

  private async resolveAgain(): Promise<void> {
    try {
      const addresses = await this.ask()
      if (!this.isClosed) this.apply(addresses)
    } catch (error) {
      if (this.isClosed) return
      this.parts.events.emit({ type: 'resolve-failed', name: this.name, error: reasonText(error) })
    }
  }

  /** Each address once; rejects when the resolver fails, says what is no address or takes too long, and when the name is closed. */
  private async ask(): Promise<ReadonlySet<string>> {
    const { clock, resolve } = this.parts
    const { signal } = this.stop
    let end = (): void => {}
    const tooLate = new Promise<never>((_, reject) => {
      const onClose = (): void => reject(closedError())
      const text = `no answer within ${this.resolveTimeoutMs} ms`
      const timer = clock.setTimer(() => reject(new Error(text)), this.resolveTimeoutMs)
      signal.addEventListener('abort', onClose)
      end = () => {
        timer.cancel()
        signal.removeEventListener('abort', onClose)
      }
    })
    try {
      const answer: unknown = await Promise.race([resolve(this.name), tooLate])
      const { addresses, holdsMs } = readAnswer(answer)
      this.holdsMs = holdsMs
      return addresses
    } finally {
      end()
    }
  }

  private apply(addresses: ReadonlySet<string>): void {
    const gone = [...this.known.keys()].filter((address) => !addresses.has(address))
    const fresh = [...addresses].filter((address) => !this.known.has(address))
    for (const address of fresh) this.known.set(address, this.take(address))
    for (const address of gone) {
      this.retire(this.known.get(address) as Endpoint)
      this.known.delete(address)
    }
    if (gone.length + fresh.length > 0)
      this.parts.events.emit({ type: 'resolved', name: this.name, addresses: [...addresses] })
  }

  private take(address: string): Endpoint {
    const { registry } = this.parts
    const id = `${this.name}/${authorityOf(address, this.fixed.port)}`
    if (!registry.has(id)) {
      const options = { ...fieldsOf(this.change), ...this.fixed, id, host: address }
      return registry.add(options as BackendOptions)
    }
    // It comes back while it drains, or is there from a time when the name was followed before.
    registry.restore(id)
    return registry.update(id, this.change, { force: true })
  }

  /** What is no longer in the name is gone, whatever a replica group would like. */
  private retire(endpoint: Endpoint): void {
    const { registry } = this.parts
    if (endpoint.isRemoved) return
    const gone = registry.drain(endpoint.id, { force: true }).then(() => {
      const { isRemoved, isDraining } = endpoint
      if (isDraining && !isRemoved && !registry.isClosed) registry.remove(endpoint.id, { force: true })
    })
    // Without a signal a drain has no way to fail.
    void gone
  }
}
