import { WireError } from '../errors.ts'
import type { Message } from './message.ts'
import { invalid, wholeNumber } from '../options.ts'

/** What happens to a message for which there is no room: the oldest one goes, it goes itself, or the subscription ends. */
export type Overflow = 'drop-oldest' | 'drop-newest' | 'close'

export interface SubscribeOptions {
  /** Messages that wait for the iterator at most. @default 10_000 */
  readonly limit?: number
  /** Bytes of payload that wait for the iterator at most; a single message may be larger. @default 67_108_864 */
  readonly limitBytes?: number
  /** @default 'drop-oldest' */
  readonly overflow?: Overflow
  /** Takes each message as it comes, with no queue between: the fastest way. The subscription is not iterated then. */
  readonly onMessage?: (message: Message) => void
}

/**
 * Messages of one filter, in order. Iterate it once: `break` or `return` ends the subscription, and its end ends the iteration. With `overflow: 'close'`
 * the iteration rejects with `ERR_AETHER_SUBSCRIPTION_OVERFLOW` after what was queued.
 */
export interface Subscription extends AsyncIterable<Message> {
  readonly filter: string
  /** Messages that found no room. */
  readonly dropped: number
  /** Ends it; resolves when the broker has confirmed that. Idempotent. */
  close(): Promise<void>
}

interface Waiting {
  readonly resolve: (result: IteratorResult<Message, undefined>) => void
  readonly reject: (error: WireError) => void
}

/** @internal */
export class LocalSubscription implements Subscription, AsyncIterator<Message, undefined> {
  readonly filter: string
  readonly onMessage: ((message: Message) => void) | undefined
  dropped = 0
  /** Takes nothing more. */
  ended = false
  readonly #limit: number
  readonly #limitBytes: number
  readonly #overflow: Overflow
  readonly #leave: (subscription: LocalSubscription) => Promise<void>
  #queue: (Message | undefined)[] = []
  #head = 0
  #bytes = 0
  #waiting: Waiting[] = []
  #error: WireError | undefined

  constructor(
    filter: string,
    options: SubscribeOptions,
    leave: (subscription: LocalSubscription) => Promise<void>,
  ) {
    this.filter = filter
    this.#limit = wholeNumber('limit', options.limit, 10_000, 1, 10_000_000)
    this.#limitBytes = wholeNumber('limitBytes', options.limitBytes, 67_108_864, 1, Number.MAX_SAFE_INTEGER)
    this.#overflow = options.overflow ?? 'drop-oldest'
    if (!['drop-oldest', 'drop-newest', 'close'].includes(this.#overflow)) {
      throw invalid('overflow', "'drop-oldest', 'drop-newest' or 'close'", options.overflow)
    }
    if (options.onMessage !== undefined && typeof options.onMessage !== 'function') {
      throw invalid('onMessage', 'a function', options.onMessage)
    }
    this.onMessage = options.onMessage
    this.#leave = leave
  }

  [Symbol.asyncIterator](): AsyncIterator<Message, undefined> {
    if (this.onMessage !== undefined)
      throw invalid('onMessage', 'absent where the subscription is iterated', this.onMessage)
    return this
  }

  next(): Promise<IteratorResult<Message, undefined>> {
    if (this.#head < this.#queue.length) return Promise.resolve({ value: this.#shift(), done: false })
    if (this.#error !== undefined) {
      const error = this.#error
      this.#error = undefined
      return Promise.reject(error)
    }
    if (this.ended) return Promise.resolve({ value: undefined, done: true })
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }))
  }

  async return(): Promise<IteratorResult<Message, undefined>> {
    this.#queue = []
    this.#head = 0
    await this.close()
    return { value: undefined, done: true }
  }

  close(): Promise<void> {
    this.end()
    return this.#leave(this)
  }

  /** Takes what came for it. */
  push(message: Message): void {
    if (this.ended) return
    const waiting = this.#waiting.shift()
    if (waiting !== undefined) return waiting.resolve({ value: message, done: false })
    while (this.#isFull(message.size)) {
      this.dropped++
      if (this.#overflow === 'drop-newest') return
      if (this.#overflow === 'close') return this.#overflowed()
      this.#shift()
    }
    this.#queue.push(message)
    this.#bytes += message.size
  }

  /** Nothing more comes; what is queued can still be read. */
  end(error?: WireError): void {
    if (this.ended) return
    this.ended = true
    const waiting = this.#waiting
    this.#waiting = []
    if (error !== undefined && waiting.length === 0) this.#error = error
    for (const [index, { resolve, reject }] of waiting.entries()) {
      if (error !== undefined && index === 0) reject(error)
      else resolve({ value: undefined, done: true })
    }
  }

  #isFull(size: number): boolean {
    const queued = this.#queue.length - this.#head
    return queued >= this.#limit || (queued > 0 && this.#bytes + size > this.#limitBytes)
  }

  #overflowed(): void {
    this.end(
      new WireError(
        'ERR_AETHER_SUBSCRIPTION_OVERFLOW',
        `The subscription of ${this.filter} fell more than ${this.#limit} messages or ${this.#limitBytes} bytes behind: read faster, or raise limit and limitBytes.`,
        {
          detail: { filter: this.filter, limit: this.#limit, limitBytes: this.#limitBytes },
        },
      ),
    )
    // Nobody waits for it: a broker that cannot be told has forgotten the subscription with its connection.
    this.#leave(this).catch(() => {})
  }

  #shift(): Message {
    const message = this.#queue[this.#head]!
    this.#queue[this.#head++] = undefined
    this.#bytes -= message.size
    if (this.#head === this.#queue.length) {
      this.#queue = []
      this.#head = 0
    } else if (this.#head > 4_096 && this.#head * 2 > this.#queue.length) {
      this.#queue = this.#queue.slice(this.#head)
      this.#head = 0
    }
    return message
  }
}
