import { AetherError, systemClock } from '@aether/core'
import type { WaitOptions } from '@aether/core'

interface Waiting {
  readonly go: () => void
  readonly fail: (error: unknown) => void
}

export interface WaitingRoomOptions {
  readonly maxPending: number
  readonly connectTimeoutMs: number
}

/** Where calls wait for the connection: in order, bounded in number and time. */
export class WaitingRoom {
  readonly #options: WaitingRoomOptions
  readonly #waiting = new Set<Waiting>()

  constructor(options: WaitingRoomOptions) {
    this.#options = options
  }

  /** Resolves when the doors open. `ERR_AETHER_QUEUE_FULL`, `ERR_AETHER_CONNECT_TIMEOUT`, or the signal's reason. */
  wait({ signal }: WaitOptions): Promise<void> {
    const { maxPending, connectTimeoutMs } = this.#options
    if (this.#waiting.size >= maxPending) {
      const message = `${maxPending} calls wait for the memory transport to connect already`
      return Promise.reject(
        new AetherError('ERR_AETHER_QUEUE_FULL', message, { retryable: true, detail: { maxPending } }),
      )
    }
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#waiting.delete(waiting)
        timer.cancel()
        signal?.removeEventListener('abort', onAbort)
      }
      const waiting: Waiting = {
        go: () => {
          leave()
          resolve()
        },
        fail: (error) => {
          leave()
          reject(error)
        },
      }
      const onAbort = (): void => waiting.fail(signal?.reason)
      const timer = systemClock.setTimer(() => waiting.fail(timedOut(connectTimeoutMs)), connectTimeoutMs)
      signal?.addEventListener('abort', onAbort, { once: true })
      this.#waiting.add(waiting)
    })
  }

  /** Lets everyone go on, in the order in which they came. */
  open(): void {
    for (const waiting of [...this.#waiting]) waiting.go()
  }

  /** Turns everyone away. */
  clear(error: AetherError): void {
    for (const waiting of [...this.#waiting]) waiting.fail(error)
  }
}

function timedOut(connectTimeoutMs: number): AetherError {
  return new AetherError(
    'ERR_AETHER_CONNECT_TIMEOUT',
    `the memory transport was not connected within ${connectTimeoutMs} ms`,
    {
      retryable: true,
      detail: { connectTimeoutMs },
    },
  )
}
