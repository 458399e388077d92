import type { AetherEvent, EventFilter, Listener, Route, Signal } from '@aether/core'

export interface InteropTopicsOptions {
  readonly listen: (filter: EventFilter, handler: (event: AetherEvent) => void) => Promise<Listener>
  readonly onSignal: (signal: Signal) => void
  /** Kinds of work that are heard each for itself; beyond, one subscription hears all. @default 200 */
  readonly maxKinds?: number
}

type Role = 'caller' | 'worker'

/** What is said by topic to whoever performs tasks, and to whoever works on them. */
const actionsOf = {
  caller: ['status', 'complete', 'cancel'],
  worker: ['cancel'],
} as const satisfies Record<Role, readonly AetherEvent['action'][]>

/**
 * Peers that speak AetherMagic know no inbox: their workers say status and completion, and their clients cancel, by topic. This hears them for each kind of
 * work that is performed or consumed here, and brings it to the lease layer as signals without a sender.
 */
export class InteropTopics {
  readonly #options: InteropTopicsOptions
  readonly #maxKinds: number
  /** By role, job and task: a promise until the broker has confirmed it, then `true`. */
  readonly #kinds = new Map<string, Promise<void> | true>()

  constructor(options: InteropTopicsOptions) {
    this.#options = options
    this.#maxKinds = options.maxKinds ?? 200
  }

  /** Before a task of this route goes out, so that no word of its worker is missed; undefined where that is so already. */
  follow(route: Route): Promise<void> | undefined {
    return this.#hear('caller', route)
  }

  /** Before tasks of this route come in. */
  serve(route: Route): Promise<void> | undefined {
    return this.#hear('worker', route)
  }

  #hear(role: Role, { job, task }: Route): Promise<void> | undefined {
    if (this.#kinds.has(role)) return this.#begin(role, role, {})
    const key = `${role}/${job}/${task}`
    if (this.#kinds.has(key) || this.#kinds.size < this.#maxKinds)
      return this.#begin(key, role, { job, task })
    return this.#begin(role, role, {})
  }

  #begin(key: string, role: Role, filter: EventFilter): Promise<void> | undefined {
    const known = this.#kinds.get(key)
    if (known !== undefined) return known === true ? undefined : known
    const beginning = this.#listen(role, filter).then(
      () => void this.#kinds.set(key, true),
      (error: unknown) => {
        this.#kinds.delete(key)
        throw error
      },
    )
    this.#kinds.set(key, beginning)
    return beginning
  }

  async #listen(role: Role, filter: EventFilter): Promise<void> {
    const { listen } = this.#options
    await Promise.all(actionsOf[role].map((action) => listen({ ...filter, action }, this.#heard)))
  }

  readonly #heard = (event: AetherEvent): void => {
    const { route, tid } = event
    const signal = { route, tid, workgroup: '', attempt: 0 }
    switch (event.action) {
      case 'status':
      case 'complete':
        // Ours say their workgroup, and their word has gone to an inbox.
        if (event.workgroup !== '' || event.attempt !== 0) return
        return this.#options.onSignal({ ...signal, kind: event.action, event })
      case 'cancel': {
        const error = { code: 'ERR_AETHER_TASK_CANCELLED', message: event.reason, retryable: false }
        return this.#options.onSignal({ ...signal, kind: 'cancel', error })
      }
      default:
    }
  }
}
