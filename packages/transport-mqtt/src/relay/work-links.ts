import type { WaitOptions } from '@aether/core'
import { MqttLink, type LinkOptions } from '../link/mqtt-link.ts'

/**
 * The links that carry the shared subscriptions. Where messages do not tell which subscription they are for, two workgroups of one process could not tell their
 * copies of a task apart: there the first workgroup has the main link, and each further one a link of its own.
 */
export class WorkLinks {
  readonly #main: MqttLink
  readonly #options: LinkOptions
  readonly #others = new Map<string, { readonly link: MqttLink; readonly started: Promise<void> }>()
  /** The workgroup whose tasks come over the main link. */
  #first: string | undefined

  constructor(main: MqttLink, options: LinkOptions) {
    this.#main = main
    this.#options = options
  }

  async linkFor(workgroup: string): Promise<MqttLink> {
    const { session } = this.#main
    if (session?.hasSubscriptionIds) return this.#main
    this.#first ??= workgroup
    if (this.#first === workgroup) return this.#main
    let other = this.#others.get(workgroup)
    if (!other) {
      const { settings, clientId } = this.#options
      const link = new MqttLink({
        ...this.#options,
        settings: { ...settings, protocolVersion: session?.version },
        clientId: `${clientId}-${this.#others.size + 1}`,
      })
      other = { link, started: link.start() }
      this.#others.set(workgroup, other)
    }
    try {
      await other.started
    } catch (error) {
      if (this.#others.get(workgroup) === other) this.#others.delete(workgroup)
      throw error
    }
    return other.link
  }

  async close(options?: WaitOptions): Promise<void> {
    await Promise.all(
      [...this.#others.values()].map(({ link }) => link.close(async () => undefined, options)),
    )
    this.#others.clear()
  }
}
