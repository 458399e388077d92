import type { TransportState, WaitOptions } from '../transport.ts'

/** Changes an observer may fall behind before the oldest are dropped. */
const maxBehind = 64

interface Observer {
  readonly changes: TransportState[]
  wake: (() => void) | undefined
}

/** The one place where the state of a transport changes, and who is told. */
export interface StateMachine {
  /** `idle` at first. */
  readonly state: TransportState
  /** `closed` or `failed`: it changes no more. */
  readonly isOver: boolean
  set(state: TransportState): void
  /** Each change from the first `next()` on, the oldest of 64 dropped; ends after `closed` or `failed`. Rejects with the signal's reason when it aborts. */
  changes(options?: WaitOptions): AsyncIterable<TransportState>
}

/**
 * For authors of transports: `state` and `states()` of the contract.
 *
 * @example
 * const states = createStateMachine()
 * states.set({ status: 'starting' })
 */
export function createStateMachine(): StateMachine {
  return new States()
}

class States implements StateMachine {
  #state: TransportState = { status: 'idle' }
  readonly #observers = new Set<Observer>()

  get state(): TransportState {
    return this.#state
  }

  get isOver(): boolean {
    return this.#state.status === 'closed' || this.#state.status === 'failed'
  }

  set(state: TransportState): void {
    this.#state = state
    for (const observer of this.#observers) {
      observer.changes.push(state)
      if (observer.changes.length > maxBehind) observer.changes.shift()
      observer.wake?.()
    }
  }

  changes(options: WaitOptions = {}): AsyncIterable<TransportState> {
    return { [Symbol.asyncIterator]: () => this.#iterate(options.signal) }
  }

  #iterate(signal: AbortSignal | undefined): AsyncIterator<TransportState> {
    const observer: Observer = { changes: [], wake: undefined }
    let isDone = false
    const onAbort = (): void => observer.wake?.()
    const stop = (): IteratorReturnResult<undefined> => {
      isDone = true
      this.#observers.delete(observer)
      signal?.removeEventListener('abort', onAbort)
      observer.wake?.()
      return { done: true, value: undefined }
    }
    const start = (): void => {
      this.#observers.add(observer)
      signal?.addEventListener('abort', onAbort, { once: true })
    }
    let isStarted = false
    return {
      next: async () => {
        if (!isStarted) {
          isStarted = true
          start()
        }
        for (;;) {
          if (isDone) return { done: true, value: undefined }
          if (signal?.aborted === true) {
            stop()
            throw signal.reason
          }
          const state = observer.changes.shift()
          if (state !== undefined) return { done: false, value: state }
          if (this.isOver) return stop()
          await new Promise<void>((resolve) => {
            observer.wake = resolve
          })
        }
      },
      return: async () => stop(),
    }
  }
}
