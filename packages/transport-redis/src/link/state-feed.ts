import type { TransportState } from '@aether/core'

const KEPT = 64

/** Changes of state for those who look at them; one who looks too rarely misses the oldest. */
export class StateFeed {
  readonly #readers = new Set<(state: TransportState) => void>()

  push(state: TransportState): void {
    for (const reader of this.#readers) reader(state)
  }

  /** Begins with `current`; ends after `closed` or `failed`, or when the signal aborts. */
  async *iterate(
    current: TransportState,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<TransportState, void> {
    const queue: TransportState[] = [current]
    let wake: (() => void) | undefined
    const reader = (state: TransportState): void => {
      if (queue.length >= KEPT) queue.shift()
      queue.push(state)
      wake?.()
    }
    const onAbort = (): void => wake?.()
    this.#readers.add(reader)
    signal?.addEventListener('abort', onAbort, { once: true })
    try {
      for (;;) {
        if (signal?.aborted === true) return
        const state = queue.shift()
        if (state !== undefined) {
          yield state
          if (state.status === 'closed' || state.status === 'failed') return
          continue
        }
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
    } finally {
      this.#readers.delete(reader)
      signal?.removeEventListener('abort', onAbort)
    }
  }
}
