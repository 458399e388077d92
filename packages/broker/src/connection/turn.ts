import type { Connection } from './connection.ts'

/**
 * Gathers the connections that have something to write, and lets each write once at the end of the loop's turn: after every socket that was readable
 * has been read. That makes one system call of a hundred frames.
 */
export class Turn {
  #touched: Connection[] = []
  #spare: Connection[] = []
  #scheduled: NodeJS.Immediate | undefined
  readonly #afterwards: () => void
  readonly #end = (): void => this.run()

  constructor(afterwards: () => void) {
    this.#afterwards = afterwards
  }

  /** `connection` has bytes or confirmations to write. */
  touch(connection: Connection): void {
    if (connection.touched) return
    connection.touched = true
    this.#touched.push(connection)
    this.wake()
  }

  /** The turn has an end, though nothing was written: times may have changed. */
  wake(): void {
    this.#scheduled ??= setImmediate(this.#end)
  }

  run(): void {
    this.stop()
    const touched = this.#touched
    this.#touched = this.#spare
    for (let index = 0; index < touched.length; index++) touched[index]!.flush()
    touched.length = 0
    this.#spare = touched
    this.#afterwards()
  }

  stop(): void {
    if (this.#scheduled === undefined) return
    clearImmediate(this.#scheduled)
    this.#scheduled = undefined
  }
}
