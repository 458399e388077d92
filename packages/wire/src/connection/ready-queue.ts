import { noConnection } from './connection-errors.ts'
import { WireError } from '../errors.ts'

interface Waiter {
  readonly resolve: () => void
  readonly reject: (error: WireError) => void
  readonly timer: ReturnType<typeof setTimeout>
}

/** Calls that wait for a connection: at most so many, and none longer than so long. */
export class ReadyQueue {
  readonly #waiters = new Set<Waiter>()
  readonly #limit: number
  readonly #timeoutMs: number
  readonly #why: () => WireError | undefined

  /** `why` tells why there is no connection, where that is known. */
  constructor(limit: number, timeoutMs: number, why: () => WireError | undefined) {
    this.#limit = limit
    this.#timeoutMs = timeoutMs
    this.#why = why
  }

  /** Resolves at the next connection. `ERR_AETHER_QUEUE_FULL`, `ERR_AETHER_CONNECT_TIMEOUT`. */
  wait(): Promise<void> {
    if (this.#waiters.size >= this.#limit) {
      return Promise.reject(
        new WireError('ERR_AETHER_QUEUE_FULL', `${this.#limit} calls wait for the connection already.`, {
          retryable: true,
        }),
      )
    }
    return new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiters.delete(waiter)
        reject(noConnection(this.#timeoutMs, this.#why()))
      }, this.#timeoutMs)
      const waiter: Waiter = { resolve, reject, timer }
      this.#waiters.add(waiter)
    })
  }

  /** Lets all go on, or all fail. */
  settle(error?: WireError): void {
    for (const waiter of this.#waiters) {
      clearTimeout(waiter.timer)
      if (error === undefined) waiter.resolve()
      else waiter.reject(error)
    }
    this.#waiters.clear()
  }
}
