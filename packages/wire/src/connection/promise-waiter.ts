import type { CommandWaiter } from './command-ring.ts'
import type { Connection } from './connection.ts'
import type { WireError } from '../errors.ts'

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

/** Resolves when a command of the registry (a subscription, a serving, a consumer) is confirmed: on its connection or, said again, on a later one. */
export async function confirmedOrResumed(connection: Connection, waiter: PromiseWaiter): Promise<void> {
  try {
    await waiter.promise
  } catch (error) {
    if ((error as WireError).code !== 'ERR_AETHER_TRANSPORT_LOST') throw error
    await connection.resumed()
  }
}
