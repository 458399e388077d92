import type { CommandWaiter } from './command-ring.ts'
import type { WireError } from './errors.ts'

/** A command whose caller waits on a promise. */
export class PromiseWaiter implements CommandWaiter {
  readonly promise: Promise<void>
  #resolve!: () => void
  #reject!: (error: WireError) => void

  constructor() {
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  confirmed(): void {
    this.#resolve()
  }

  refused(error: WireError): void {
    this.#reject(error)
  }
}
