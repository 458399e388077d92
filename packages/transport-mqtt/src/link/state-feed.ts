import type { TransportState, WaitOptions } from '@aether/core'

/** Changes that a reader may fall behind before the oldest are dropped. */
const maxBehind = 64

interface Reader {
  readonly changes: TransportState[]
  wake: (() => void) | undefined
}

/** The one place where the state of a connection changes, and who is told. */
export class StateFeed {
  readonly #readers = new Set<Reader>()
  #state: TransportState = { status: 'idle' }

  get state(): TransportState {
    return this.#state
  }

  set(state: TransportState): void {
    this.#state = state
    for (const reader of this.#readers) {
      reader.changes.push(state)
      if (reader.changes.length > maxBehind) reader.changes.shift()
      reader.wake?.()
    }
  }

  /** Begins with the present state; ends after `closed` or `failed`. Rejects with the signal's reason when it aborts. */
  async *changes({ signal }: WaitOptions = {}): AsyncGenerator<TransportState, void> {
    signal?.throwIfAborted()
    const reader: Reader = { changes: [this.#state], wake: undefined }
    const onAbort = (): void => reader.wake?.()
    this.#readers.add(reader)
    signal?.addEventListener('abort', onAbort, { once: true })
    try {
      for (;;) {
        signal?.throwIfAborted()
        const state = reader.changes.shift()
        if (state !== undefined) {
          yield state
          if (state.status === 'closed' || state.status === 'failed') return
          continue
        }
        await new Promise<void>((resolve) => {
          reader.wake = resolve
        })
      }
    } finally {
      this.#readers.delete(reader)
      signal?.removeEventListener('abort', onAbort)
    }
  }
}
