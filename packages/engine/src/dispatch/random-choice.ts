import type { Consumer } from './consumer.ts'
import type { Selector } from './selector.ts'

/** Any free consumer, each as likely, by the injected random numbers. */
export class RandomChoice implements Selector {
  readonly #random: () => number
  readonly #consumers: Consumer[] = []

  constructor(random: () => number) {
    this.#random = random
  }

  add(consumer: Consumer): void {
    consumer.mark = this.#consumers.length
    this.#consumers.push(consumer)
  }

  remove(consumer: Consumer): void {
    const last = this.#consumers.pop()
    if (last === undefined || last === consumer) return
    this.#consumers[consumer.mark] = last
    last.mark = consumer.mark
  }

  peek(): Consumer | undefined {
    const { length } = this.#consumers
    return length < 2 ? this.#consumers[0] : this.#consumers[Math.floor(this.#random() * length)]
  }

  took(_consumer: Consumer): void {}

  gave(_consumer: Consumer): void {}
}
