import type { Aether, Listener } from '@aether/core'

/** Starts a worker or a listener on a connected application. */
export type Begin = (aether: Aether) => Promise<Listener>

/** What is to work on each connection, once on each. */
export class Registration {
  readonly #begin: Begin
  #on: Aether | undefined
  #begun: Promise<Listener> | undefined
  #isClosed = false

  constructor(begin: Begin) {
    this.#begin = begin
  }

  /** Begins where it has not, or where it failed before. */
  async beginOn(aether: Aether): Promise<void> {
    if (this.#isClosed) return
    if (this.#on !== aether || this.#begun === undefined) {
      this.#on = aether
      this.#begun = this.#begin(aether)
    }
    const begun = this.#begun
    try {
      await begun
    } catch (error) {
      if (this.#begun === begun) this.#begun = undefined
      throw error
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    const begun = this.#begun
    this.#begun = undefined
    if (begun === undefined) return
    const listener = await begun.catch(() => undefined)
    await listener?.close()
  }
}
