import { ConsumerList } from './consumer-list.ts'
import type { Consumer } from './consumer.ts'
import type { Selector } from './selector.ts'

/** Each free consumer in turn. */
export class RoundRobin implements Selector {
  readonly #list = new ConsumerList()

  add(consumer: Consumer): void {
    this.#list.push(consumer)
  }

  remove(consumer: Consumer): void {
    this.#list.remove(consumer)
  }

  peek(): Consumer | undefined {
    return this.#list.head
  }

  took(consumer: Consumer): void {
    this.#list.remove(consumer)
    this.#list.push(consumer)
  }

  gave(_consumer: Consumer): void {}
}
