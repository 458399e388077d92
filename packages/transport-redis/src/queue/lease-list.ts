import type { QueueDelivery } from './queue-delivery.ts'

/** What one consumer holds, the lease that ends first at the front: all its leases are equally long, so whatever begins or is renewed goes to the end. */
export class LeaseList {
  #first: QueueDelivery | undefined
  #last: QueueDelivery | undefined

  get first(): QueueDelivery | undefined {
    return this.#first
  }

  add(delivery: QueueDelivery): void {
    delivery.previous = this.#last
    if (this.#last === undefined) this.#first = delivery
    else this.#last.next = delivery
    this.#last = delivery
  }

  remove(delivery: QueueDelivery): void {
    const { previous, next } = delivery
    if (previous === undefined && this.#first !== delivery) return
    if (previous === undefined) this.#first = next
    else previous.next = next
    if (next === undefined) this.#last = previous
    else next.previous = previous
    delivery.previous = undefined
    delivery.next = undefined
  }

  toEnd(delivery: QueueDelivery): void {
    if (this.#last === delivery || (delivery.previous === undefined && this.#first !== delivery)) return
    this.remove(delivery)
    this.add(delivery)
  }

  *[Symbol.iterator](): Generator<QueueDelivery> {
    let at = this.#first
    while (at !== undefined) {
      const next: QueueDelivery | undefined = at.next
      yield at
      at = next
    }
  }
}
