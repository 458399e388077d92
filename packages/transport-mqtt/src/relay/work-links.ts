import type { TransportState, WaitOptions } from '@aether/core'
import { closedError } from '../errors.ts'
import { MqttLink, type LinkOptions } from '../link/mqtt-link.ts'

/** A link as one shared subscription has it. */
export interface WorkLink {
  readonly link: MqttLink
  /** It is needed for that subscription no longer; resolves when what nobody else needs is closed. To be called once. */
  leave(): Promise<void>
}

interface Further {
  readonly link: MqttLink
  readonly started: Promise<void>
  /** Subscriptions that need it. */
  users: number
}

export interface WorkLinksOptions extends Omit<LinkOptions, 'nextClientId' | 'onReady' | 'onState'> {
  /** What became of a link beside the main one. */
  readonly onState: (link: object, state: TransportState) => void
}

/**
 * The links that carry the shared subscriptions. Where messages do not tell which subscription they are for, two workgroups of one process could not tell their
 * copies of a task apart: there the first workgroup has the main link, and each further one a link of its own for as long as it has subscriptions.
 */
export class WorkLinks {
  readonly #main: WorkLink
  readonly #options: WorkLinksOptions
  readonly #further = new Map<string, Further>()
  /** Links that nobody needs any more, until they are closed. */
  readonly #leaving = new Set<Promise<void>>()
  /** Ends those at once. */
  readonly #stop = new AbortController()
  /** So many were ever made: a client id that is given twice would end the connection of another. */
  #made = 0
  /** The workgroup whose tasks come over the main link. */
  #first: string | undefined

  constructor(main: MqttLink, options: WorkLinksOptions) {
    this.#main = { link: main, leave: async () => undefined }
    this.#options = options
  }

  async linkFor(workgroup: string): Promise<WorkLink> {
    if (this.#stop.signal.aborted) throw closedError()
    const { session } = this.#main.link
    if (session?.hasSubscriptionIds) return this.#main
    this.#first ??= workgroup
    if (this.#first === workgroup) return this.#main
    const further = this.#further.get(workgroup) ?? this.#open(workgroup, session?.version)
    further.users += 1
    try {
      await further.started
    } catch (error) {
      await this.#leave(workgroup, further)
      throw error
    }
    return { link: further.link, leave: () => this.#leave(workgroup, further) }
  }

  #open(workgroup: string, version: 4 | 5 | undefined): Further {
    const { onState, settings, ...options } = this.#options
    const nextClientId = (): string => {
      this.#made += 1
      return `${options.clientId}-${this.#made}`
    }
    const link: MqttLink = new MqttLink({
      ...options,
      settings: { ...settings, protocolVersion: version },
      clientId: nextClientId(),
      // Nobody knows it by name, so it may take another where that one is taken.
      nextClientId,
      onState: (state) => onState(link, state),
    })
    const further = { link, started: link.start(), users: 0 }
    this.#further.set(workgroup, further)
    return further
  }

  async #leave(workgroup: string, further: Further): Promise<void> {
    further.users -= 1
    if (further.users > 0) return
    this.#further.delete(workgroup)
    await this.#close(further, { signal: this.#stop.signal })
  }

  #close({ link }: Further, options?: WaitOptions): Promise<void> {
    const closing = link.close(async () => undefined, options).finally(() => this.#leaving.delete(closing))
    this.#leaving.add(closing)
    return closing
  }

  async close(options?: WaitOptions): Promise<void> {
    this.#stop.abort()
    for (const further of this.#further.values()) void this.#close(further, options)
    this.#further.clear()
    await Promise.all(this.#leaving)
  }
}
