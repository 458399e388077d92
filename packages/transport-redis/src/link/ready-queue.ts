import type { AetherError } from '@aether/core'
import { connectTimeout, queueFull } from '../errors.ts'

interface Waiter {
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
  readonly until: number
}

/** Calls that wait for a connection: at most so many, and none longer than so long. One timer for all of them. */
export class ReadyQueue {
  readonly #waiters = new Set<Waiter>()
  readonly #limit: number
  readonly #timeoutMs: number
  #timer: ReturnType<typeof setTimeout> | undefined
  #reason: AetherError | undefined

  constructor(limit: number, timeoutMs: number) {
    this.#limit = limit
    this.#timeoutMs = timeoutMs
  }

  /** What those are told who wait in vain. */
  explain(reason: AetherError | undefined): void {
    this.#reason = reason
  }

  /** Resolves at the next connection. `ERR_AETHER_QUEUE_FULL`, `ERR_AETHER_CONNECT_TIMEOUT`. */
  wait(signal?: AbortSignal): Promise<void> {
    if (this.#waiters.size >= this.#limit) return Promise.reject(queueFull(this.#limit))
    return new Promise<void>((resolve, reject) => {
      const waiter: Waiter = {
        until: performance.now() + this.#timeoutMs,
        resolve: () => {
          signal?.removeEventListener('abort', onAbort)
          resolve()
        },
        reject: (error) => {
          signal?.removeEventListener('abort', onAbort)
          reject(error)
        },
      }
      const onAbort = (): void => {
        this.#waiters.delete(waiter)
        if (this.#waiters.size === 0) this.#stop()
        reject(signal?.reason)
      }
      signal?.addEventListener('abort', onAbort, { once: true })
      this.#waiters.add(waiter)
      this.#timer ??= setTimeout(this.#onTimer, this.#timeoutMs)
    })
  }

  /** Lets all go on, or all fail. */
  settle(error?: AetherError): void {
    this.#stop()
    const waiters = [...this.#waiters]
    this.#waiters.clear()
    for (const waiter of waiters) {
      if (error === undefined) waiter.resolve()
      else waiter.reject(error)
    }
  }

  readonly #onTimer = (): void => {
    this.#timer = undefined
    // A timer may fire a little early.
    const now = performance.now() + 1
    for (const waiter of this.#waiters) {
      // In the order of their coming, and all wait equally long.
      if (waiter.until > now) {
        this.#timer = setTimeout(this.#onTimer, waiter.until - now + 1)
        return
      }
      this.#waiters.delete(waiter)
      waiter.reject(connectTimeout(this.#timeoutMs, this.#reason))
    }
  }

  #stop(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }
}
