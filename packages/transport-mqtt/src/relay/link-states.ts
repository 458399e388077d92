import { createStateMachine, type TransportState, type WaitOptions } from '@aether/core'

/** The states of all links of one relay as one: it is ready when tasks come over each of them. */
export class LinkStates {
  readonly #states = createStateMachine()
  #main: TransportState = this.#states.state
  /** Further links that were lost, each with the state that tells why. */
  readonly #lost = new Map<object, TransportState>()
  #generation = 0

  get state(): TransportState {
    return this.#states.state
  }

  /** Whether nothing reaches the inbox: that is the main link's. */
  get isCutOff(): boolean {
    return this.#main.status !== 'ready'
  }

  changes(options?: WaitOptions): AsyncIterable<TransportState> {
    return this.#states.changes(options)
  }

  setMain(state: TransportState): void {
    this.#main = state
    if (state.status === 'ready') this.#tell()
    else this.#states.set(state)
  }

  /** Until a further link is ready for the first time it concerns only who waits for it, and once it closes nobody. */
  setOther(link: object, state: TransportState): void {
    if (state.status === 'reconnecting') this.#lost.set(link, state)
    else if (!this.#lost.delete(link)) return
    if (this.#main.status === 'ready') this.#tell()
  }

  #tell(): void {
    const [lost] = this.#lost.values()
    if (lost) return this.#states.set(lost)
    this.#generation += 1
    this.#states.set({ status: 'ready', generation: this.#generation })
  }
}
