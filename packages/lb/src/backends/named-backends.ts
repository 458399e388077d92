import { lookup } from 'node:dns/promises'
import { checkMs } from '../check-options.ts'
import type { Clock, Timer } from '../clock.ts'
import { LbError } from '../errors.ts'
import type { EventStream } from '../observe/events.ts'
import type { Resolve } from '../options.ts'
import {
  type Backend,
  type BackendChange,
  type BackendOptions,
  checkBackend,
  checkUpdate,
} from './backend.ts'
import type { Registry } from './registry.ts'

export interface NameOptions extends Omit<BackendOptions, 'id'> {
  /** How often the name is resolved anew. @default 30_000 */
  readonly refreshMs?: number
}

export interface NamedBackends {
  /** `name:port`. */
  readonly id: string
  readonly name: string
  /** As of the last time the name was resolved. */
  readonly backends: readonly Backend[]
  /** Changes all of them in place, and what those to come will be like. */
  update(change: BackendChange): void
  /** Resolves the name now. */
  refresh(): Promise<void>
  /** Ends resolving; the backends stay. */
  close(): void
}

/** The system's resolver, all addresses. */
export const systemResolve: Resolve = async (name) => {
  const found = await lookup(name, { all: true })
  return found.map(({ address }) => address)
}

export interface NameParts {
  readonly registry: Registry
  readonly resolve: Resolve
  readonly clock: Clock
  readonly events: EventStream
  readonly onClose: () => void
}

/**
 * One backend for each address of a name. New addresses are added and those that are gone drained, then removed; a resolver that fails, or finds nothing,
 * changes nothing: the last answer is the best there is.
 */
export class ResolvedName implements NamedBackends {
  readonly id: string
  readonly name: string
  private readonly known = new Map<string, Backend>()
  private readonly refreshMs: number
  private template: Omit<BackendOptions, 'id' | 'host'>
  private readonly parts: NameParts
  private timer: Timer | undefined = undefined
  private isClosed = false
  private running: Promise<void> | undefined = undefined

  constructor(options: NameOptions, parts: NameParts) {
    const { refreshMs = 30_000, host, ...template } = options
    this.refreshMs = checkMs(refreshMs, 'refreshMs')
    checkBackend({ host, ...template })
    this.name = host
    this.id = `${host}:${template.port}`
    this.template = template
    this.parts = parts
  }

  get backends(): readonly Backend[] {
    return [...this.known.values()]
  }

  /** Rejects with `ERR_AETHER_BACKENDS_NONE` if the name has no address now. */
  async open(): Promise<void> {
    let addresses: readonly string[] = []
    let cause: unknown
    try {
      addresses = await this.parts.resolve(this.name)
    } catch (error) {
      cause = error
    }
    if (addresses.length === 0)
      throw new LbError('ERR_AETHER_BACKENDS_NONE', `"${this.name}" resolves to no address`, {
        retryable: true,
        cause,
        detail: { name: this.name },
      })
    this.apply(addresses)
    this.schedule()
  }

  refresh(): Promise<void> {
    this.running ??= this.resolveAgain().finally(() => {
      this.running = undefined
      this.schedule()
    })
    return this.running
  }

  update(change: BackendChange): void {
    const checked = checkUpdate(change)
    for (const { id } of this.known.values())
      if (this.parts.registry.has(id)) this.parts.registry.update(id, change)
    this.template = { ...this.template, ...(checked as BackendChange) }
  }

  close(): void {
    this.isClosed = true
    this.timer?.cancel()
    this.parts.onClose()
  }

  private schedule(): void {
    this.timer?.cancel()
    // A refresh tells what went wrong as an event, and never rejects.
    if (!this.isClosed) this.timer = this.parts.clock.setTimer(() => void this.refresh(), this.refreshMs)
  }

  private async resolveAgain(): Promise<void> {
    try {
      const addresses = await this.parts.resolve(this.name)
      if (this.isClosed) return
      if (addresses.length === 0) throw new Error('no addresses')
      this.apply(addresses)
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error)
      this.parts.events.emit({ type: 'resolve-failed', name: this.name, error: text })
    }
  }

  private apply(addresses: readonly string[]): void {
    const { registry, events } = this.parts
    const wanted = new Set(addresses)
    let hasChanged = false
    for (const address of wanted) {
      if (this.known.has(address)) continue
      hasChanged = true
      const id = `${this.name}/${address}:${this.template.port}`
      if (registry.has(id)) {
        // It came back while it drained.
        registry.restore(id)
        this.known.set(address, registry.get(id))
      } else this.known.set(address, registry.add({ ...this.template, id, host: address }))
    }
    for (const [address, backend] of this.known) {
      if (wanted.has(address)) continue
      hasChanged = true
      this.known.delete(address)
      this.retire(backend)
    }
    if (hasChanged) events.emit({ type: 'resolved', name: this.name, addresses: [...wanted] })
  }

  /** What is no longer in the name is gone, whatever a replica group would like. */
  private retire(backend: Backend): void {
    const { registry } = this.parts
    if (!registry.has(backend.id)) return
    const gone = registry.drain(backend.id, { force: true }).then(() => {
      if (registry.has(backend.id) && backend.isDraining) registry.remove(backend.id, { force: true })
    })
    // Without a signal a drain has no way to fail.
    void gone
  }
}
