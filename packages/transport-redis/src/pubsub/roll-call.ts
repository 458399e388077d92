import type { Clock, Timer } from '@aether/core'
import type { FrameWriter } from './frame-writer.ts'
import type { Batch } from './outbox.ts'

/** What somebody answers: `noted` and `unknown` are no end of a roll call, the other two are. */
export const Verdict = { noted: 0, unknown: 1, stopped: 2, over: 3 } as const

interface Roll {
  readonly finish: () => void
  readonly heard: Set<string>
  expected: number | undefined
  verdict: number | undefined
}

/**
 * Questions to a whole union. The server says how many connections a question reached, so mostly the last answer is known to be the last; where it cannot
 * know (in a Cluster, or when somebody foreign listens too) the wait ends after `queryMs`.
 */
export class RollCalls {
  readonly #rolls = new Map<number, Roll>()
  readonly #clock: Clock
  readonly #queryMs: number
  #lastNonce = 0

  constructor(clock: Clock, queryMs: number) {
    this.#clock = clock
    this.#queryMs = queryMs
  }

  /** Asks by what `write` adds to the batch. Resolves with a verdict that decides, or with undefined when nobody gave one. */
  ask(batch: Batch, write: (writer: FrameWriter, nonce: number) => void): Promise<number | undefined> {
    const nonce = (this.#lastNonce += 1)
    return new Promise((resolve, reject) => {
      let timer: Timer | undefined
      const roll: Roll = {
        heard: new Set(),
        expected: undefined,
        verdict: undefined,
        finish: () => {
          timer?.cancel()
          this.#rolls.delete(nonce)
          resolve(roll.verdict)
        },
      }
      this.#rolls.set(nonce, roll)
      write(batch.writer, nonce)
      batch.done.then(
        (receivers) => {
          if (!this.#rolls.has(nonce)) return
          // One of them is this instance itself.
          if (receivers !== undefined) roll.expected = receivers - 1
          timer = this.#clock.setTimer(roll.finish, this.#queryMs)
          this.#look(roll)
        },
        (error: unknown) => {
          this.#rolls.delete(nonce)
          reject(error)
        },
      )
    })
  }

  answered(nonce: number, from: string, verdict: number): void {
    const roll = this.#rolls.get(nonce)
    if (roll === undefined) return
    roll.heard.add(from)
    if (verdict === Verdict.stopped || verdict === Verdict.over) {
      roll.verdict = verdict
      return roll.finish()
    }
    this.#look(roll)
  }

  /** No more answers are needed. */
  finish(nonce: number): void {
    this.#rolls.get(nonce)?.finish()
  }

  close(): void {
    for (const roll of [...this.#rolls.values()]) roll.finish()
  }

  #look(roll: Roll): void {
    if (roll.expected !== undefined && roll.heard.size >= roll.expected) roll.finish()
  }
}
