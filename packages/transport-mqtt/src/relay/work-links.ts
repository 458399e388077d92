import type { TransportState, WaitOptions } from '@aether/core'
import { MqttLink, type LinkOptions } from '../link/mqtt-link.ts'

interface Started {
  readonly link: MqttLink
  readonly started: Promise<void>
}

export interface WorkLinksOptions extends Omit<LinkOptions, 'nextClientId' | 'onReady' | 'onState'> {
  /** What became of a link beside the main one. */
  readonly onState: (link: object, state: TransportState) => void
}

/**
 * The links that carry the shared subscriptions. Where messages do not tell which subscription they are for, two workgroups of one process could not tell their
 * copies of a task apart: there the first workgroup has the main link, and each further one a link of its own.
 */
export class WorkLinks {
  readonly #main: MqttLink
  readonly #options: WorkLinksOptions
  readonly #others = new Map<string, Started>()
  /** So many were ever made: a client id that is given twice would end the connection of another. */
  #made = 0
  /** The workgroup whose tasks come over the main link. */
  #first: string | undefined

  constructor(main: MqttLink, options: WorkLinksOptions) {
    this.#main = main
    this.#options = options
  }

  async linkFor(workgroup: string): Promise<MqttLink> {
    const { session } = this.#main
    if (session?.hasSubscriptionIds) return this.#main
    this.#first ??= workgroup
    if (this.#first === workgroup) return this.#main
    const other = this.#others.get(workgroup) ?? this.#open(workgroup, session?.version)
    try {
      await other.started
    } catch (error) {
      if (this.#others.get(workgroup) === other) this.#others.delete(workgroup)
      throw error
    }
    return other.link
  }

  #open(workgroup: string, version: 4 | 5 | undefined): Started {
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
    const other = { link, started: link.start() }
    this.#others.set(workgroup, other)
    return other
  }

  async close(options?: WaitOptions): Promise<void> {
    await Promise.all(
      [...this.#others.values()].map(({ link }) => link.close(async () => undefined, options)),
    )
    this.#others.clear()
  }
}
