import type { Consumer } from './consumer.ts'

/** Consumers in order, linked through themselves: a consumer is in one list at a time. */
export class ConsumerList {
  head: Consumer | undefined = undefined
  tail: Consumer | undefined = undefined

  push(consumer: Consumer): void {
    const tail = this.tail
    consumer.prev = tail
    consumer.next = undefined
    if (tail === undefined) this.head = consumer
    else tail.next = consumer
    this.tail = consumer
  }

  remove(consumer: Consumer): void {
    const { prev, next } = consumer
    if (prev === undefined) this.head = next
    else prev.next = next
    if (next === undefined) this.tail = prev
    else next.prev = prev
    consumer.prev = undefined
    consumer.next = undefined
  }
}
