import type { Logger } from '@aether/core'

/** Counts what is none of ours and says so once: whoever shares the server may say what he likes, as often as he likes. */
export class ForeignLog {
  readonly #logger: () => Logger | undefined
  #count = 0

  constructor(logger: () => Logger | undefined) {
    this.#logger = logger
  }

  get count(): number {
    return this.#count
  }

  add(channel: string, problem: string): void {
    this.#count += 1
    if (this.#count > 1) return
    this.#logger()?.warn('a message on a channel of Aether is none of ours; further ones are only counted', {
      channel,
      problem,
    })
  }
}
