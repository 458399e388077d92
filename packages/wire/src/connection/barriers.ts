import type { WireError } from '../errors.ts'

/** Calls that wait until the broker has handled what was written before them: each has a PING out, and PONGs come in order. */
export class Barriers {
  #waiting: { readonly resolve: () => void; readonly reject: (error: WireError) => void }[] = []

  /** For a PING that is written next. */
  wait(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject })
    })
  }

  /** The oldest of them has its PONG. */
  passed(): void {
    this.#waiting.shift()?.resolve()
  }

  /** The connection is gone. */
  fail(error: WireError): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const { reject } of waiting) reject(error)
  }
}
