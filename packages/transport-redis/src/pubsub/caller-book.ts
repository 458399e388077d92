import type { CompleteEvent, ReleaseOptions } from '@aether/core'
import type { PubSubDelivery } from './delivery.ts'

/** The last word on a call, in case that its caller was away when it was said. */
export type LastWord =
  | { readonly kind: 'complete'; readonly event: CompleteEvent }
  | { readonly kind: 'release'; readonly options: ReleaseOptions }
  | { readonly kind: 'busy' | 'never' }

interface Remembered {
  readonly word: LastWord
  readonly bytes: number
  readonly untilMs: number
}

/** What a worker knows of one caller. Calls come in order, so the largest one tells which have been seen. */
export class CallerBook {
  readonly id: string
  readonly channel: string
  readonly active: Map<number, PubSubDelivery> = new Map()
  /** No call up to this one is begun any more, unless it has been. */
  seen = 0
  heardAtMs = 0
  readonly #recent = new Map<number, Remembered>()

  constructor(id: string, channel: string) {
    this.id = id
    this.channel = channel
  }

  get recent(): number {
    return this.#recent.size
  }

  /** Returns how many bytes more are remembered now. */
  remember(call: number, word: LastWord, limits: { readonly max: number; readonly untilMs: number }): number {
    const bytes = word.kind === 'complete' ? (word.event.body?.length ?? 0) : 0
    this.#recent.set(call, { word, bytes, untilMs: limits.untilMs })
    return bytes - (this.#recent.size > limits.max ? this.forgetOldest() : 0)
  }

  lastWord(call: number): LastWord | undefined {
    return this.#recent.get(call)?.word
  }

  /** Returns how many bytes that frees. */
  forgetOldest(): number {
    for (const [call, { bytes }] of this.#recent) {
      this.#recent.delete(call)
      return bytes
    }
    return 0
  }

  /** Returns how many bytes that frees. */
  forgetUntil(nowMs: number): number {
    let freed = 0
    for (const { untilMs } of this.#recent.values()) {
      if (untilMs > nowMs) break
      freed += this.forgetOldest()
    }
    return freed
  }
}
