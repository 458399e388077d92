export interface BoundedStreamOptions<E, T> {
  /** What is held at most; then the oldest is dropped. With 1 it holds the latest. */
  readonly limit: number
  /** Makes of a held value what the reader sees, when it is read and not before; undefined passes it over. */
  readonly read: (held: E) => { readonly value: T } | undefined
  /** Ends the stream. */
  readonly signal?: AbortSignal | undefined
  readonly onEnd?: () => void
}

/**
 * Observations on their way to one reader: bounded, never rejecting. It ends when its source does, when its signal is aborted or when its reader leaves; what
 * it holds at its end can still be read, unless the reader left.
 */
export class BoundedStream<E, T> implements AsyncIterable<T> {
  readonly #options: BoundedStreamOptions<E, T>
  readonly #held: E[] = []
  readonly #waiting: ((result: IteratorResult<T, undefined>) => void)[] = []
  #isEnded = false

  constructor(options: BoundedStreamOptions<E, T>) {
    this.#options = options
    const { signal } = options
    if (signal?.aborted === true) this.#isEnded = true
    else signal?.addEventListener('abort', this.end, { once: true })
  }

  get isEnded(): boolean {
    return this.#isEnded
  }

  push(value: E): void {
    if (this.#isEnded) return
    if (this.#waiting.length > 0) {
      const read = this.#options.read(value)
      if (read !== undefined) this.#waiting.shift()?.({ done: false, value: read.value })
      return
    }
    if (this.#held.length >= this.#options.limit) this.#held.shift()
    this.#held.push(value)
  }

  /** No more will come. Bound, so that it can be a listener. */
  readonly end = (): void => {
    if (this.#isEnded) return
    this.#isEnded = true
    this.#options.signal?.removeEventListener('abort', this.end)
    for (const waiter of this.#waiting.splice(0)) waiter({ done: true, value: undefined })
    this.#options.onEnd?.()
  };

  [Symbol.asyncIterator](): AsyncIterator<T, undefined> {
    return {
      next: () => this.#next(),
      return: () => {
        this.#held.length = 0
        this.end()
        return Promise.resolve({ done: true, value: undefined })
      },
    }
  }

  #next(): Promise<IteratorResult<T, undefined>> {
    for (let held = this.#held.shift(); held !== undefined; held = this.#held.shift()) {
      const read = this.#options.read(held)
      if (read !== undefined) return Promise.resolve({ done: false, value: read.value })
    }
    if (this.#isEnded) return Promise.resolve({ done: true, value: undefined })
    return new Promise((resolve) => this.#waiting.push(resolve))
  }
}

/** For streams whose values are read as they are. */
export function asItIs<T>(value: T): { readonly value: T } {
  return { value }
}
