import type { Queue } from '../queues/queue.ts'
import type { Selector } from './selector.ts'

/** That an interest serves a queue; a place in the interest's ring while the queue has a backlog. */
export class Link {
  readonly queue: Queue
  readonly interest: Interest
  /** Its place in `interest.links`. */
  index = 0
  isRinged = false
  prev: Link = this
  next: Link = this

  constructor(queue: Queue, interest: Interest) {
    this.queue = queue
    this.interest = interest
  }
}

/** What the consumers of one workgroup with one filter share: the queues it matches, and who of them is free. */
export class Interest {
  readonly filter: string
  readonly workgroup: string
  /** The consumers that could take a task now. */
  readonly free: Selector
  /** Open consumers, free or not. */
  consumers = 0
  readonly links: Link[] = []
  /** When it stops to count as subscribed; meaningful while there is no consumer. */
  vacantUntil = 0
  /** Where the ring of queues with a backlog goes on. */
  ring: Link | undefined = undefined

  constructor(filter: string, workgroup: string, free: Selector) {
    this.filter = filter
    this.workgroup = workgroup
    this.free = free
  }

  /** Ties a queue to this interest. */
  link(queue: Queue): void {
    const link = new Link(queue, this)
    link.index = this.links.length
    this.links.push(link)
    queue.links.push(link)
    if (queue.backlog > 0) this.ringIn(link)
  }

  unlink(link: Link): void {
    this.ringOut(link)
    const last = this.links.pop()
    if (last !== undefined && last !== link) {
      this.links[link.index] = last
      last.index = link.index
    }
    link.queue.links.splice(link.queue.links.indexOf(link), 1)
  }

  /** A queue with a backlog waits for its turn, after all others. */
  ringIn(link: Link): void {
    if (link.isRinged) return
    link.isRinged = true
    const first = this.ring
    if (first === undefined) {
      this.ring = link
      return
    }
    const last = first.prev
    last.next = link
    link.prev = last
    link.next = first
    first.prev = link
  }

  ringOut(link: Link): void {
    if (!link.isRinged) return
    link.isRinged = false
    const { prev, next } = link
    if (next === link) this.ring = undefined
    else {
      prev.next = next
      next.prev = prev
      if (this.ring === link) this.ring = next
    }
    link.prev = link
    link.next = link
  }
}
