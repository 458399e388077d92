import { ConsumerList } from './consumer-list.ts'
import type { Consumer } from './consumer.ts'
import type { Selector } from './selector.ts'

const words = 32
/** Spare credit beyond this counts as this. */
const most = words * 32 - 1

/** Most spare credit first, those with equal credit in turn: a list for each amount, and a bitmap of two levels that finds the highest. */
export class CreditBuckets implements Selector {
  readonly #buckets: (ConsumerList | undefined)[] = []
  readonly #bits = new Int32Array(words)
  #summary = 0

  add(consumer: Consumer): void {
    const spare = consumer.credit - consumer.used
    const bucket = spare > most ? most : spare
    consumer.mark = bucket
    while (this.#buckets.length <= bucket) this.#buckets.push(undefined)
    const list = (this.#buckets[bucket] ??= new ConsumerList())
    list.push(consumer)
    const word = bucket >>> 5
    this.#bits[word] = (this.#bits[word] as number) | (1 << (bucket & 31))
    this.#summary |= 1 << word
  }

  remove(consumer: Consumer): void {
    const bucket = consumer.mark
    const list = this.#buckets[bucket] as ConsumerList
    list.remove(consumer)
    if (list.head !== undefined) return
    const word = bucket >>> 5
    const bits = (this.#bits[word] as number) & ~(1 << (bucket & 31))
    this.#bits[word] = bits
    if (bits === 0) this.#summary &= ~(1 << word)
  }

  peek(): Consumer | undefined {
    if (this.#summary === 0) return undefined
    const word = 31 - Math.clz32(this.#summary)
    const bit = 31 - Math.clz32(this.#bits[word] as number)
    return this.#buckets[word * 32 + bit]?.head
  }

  took(consumer: Consumer): void {
    this.remove(consumer)
    this.add(consumer)
  }

  gave(consumer: Consumer): void {
    this.remove(consumer)
    this.add(consumer)
  }
}
