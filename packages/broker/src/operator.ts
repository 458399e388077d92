import type { BrokerDeadLetter } from './tasks/dead-letters.ts'
import type { BrokerStats } from './stats.ts'

export interface OperatorHost {
  stats(): BrokerStats
  deadLetters(): Iterable<BrokerDeadLetter>
}

/** As much as one answer lists. */
const LIST_BYTES = 262_144

/** What the broker itself answers, as JSON: `$broker/stats` and `$broker/dead-letters` (the oldest, as many as fit). */
export class Operator {
  readonly #host: OperatorHost

  constructor(host: OperatorHost) {
    this.#host = host
  }

  /** Undefined where there is no such topic. */
  answer(topic: string): Uint8Array | undefined {
    if (topic === '$broker/stats') return Buffer.from(JSON.stringify(this.#host.stats()))
    if (topic === '$broker/dead-letters') return this.#deadLetters()
    return undefined
  }

  #deadLetters(): Uint8Array {
    const listed: string[] = []
    let bytes = 0
    for (const letter of this.#host.deadLetters()) {
      const text = JSON.stringify(letter)
      bytes += Buffer.byteLength(text) + 1
      if (bytes > LIST_BYTES) break
      listed.push(text)
    }
    return Buffer.from(`[${listed.join(',')}]`)
  }
}
