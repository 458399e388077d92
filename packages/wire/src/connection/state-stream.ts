import type { ConnectionState } from './connection-state.ts'

const KEPT = 64

/** Changes of state for those who look at them; one who looks too rarely misses the oldest. */
export class StateStream {
  readonly #readers = new Set<(state: ConnectionState) => void>()

  push(state: ConnectionState): void {
    for (const reader of this.#readers) reader(state)
  }

  /** Begins with what `current` says when it is first read; ends after `closed` or `failed`, or when the signal aborts. */
  async *iterate(
    current: () => ConnectionState,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<ConnectionState, void> {
    const queue: ConnectionState[] = [current()]
    let wake: (() => void) | undefined
    const reader = (state: ConnectionState): void => {
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
