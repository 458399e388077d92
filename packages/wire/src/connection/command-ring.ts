import { invalidFrame, type WireError } from '../errors.ts'

/** Who waits for the outcome of one command. */
export interface CommandWaiter {
  /** `deduplicated`: it was a SEND of a tid that the broker knew. */
  confirmed(deduplicated: boolean): void
  refused(error: WireError): void
}

const FIRST_CAPACITY = 64

/**
 * Commands on their way, oldest first, by their number on the connection. CONFIRM is cumulative, so that this is a ring and no map: a command costs a
 * store when it goes out and a load when it is confirmed.
 */
export class CommandRing {
  #waiters: (CommandWaiter | undefined)[] = Array.from({ length: FIRST_CAPACITY })
  #deduplicated: Uint8Array = new Uint8Array(FIRST_CAPACITY)
  #mask = FIRST_CAPACITY - 1
  /** Ordinal of the oldest pending command and of the next one, modulo 2³². */
  #first = 1
  #next = 1

  #idle: (() => void)[] = []

  /** Resolves once nothing is pending. */
  idle(): Promise<void> {
    if (this.size === 0) return Promise.resolve()
    return new Promise((resolve) => this.#idle.push(resolve))
  }

  get size(): number {
    return (this.#next - this.#first) >>> 0
  }

  /** Numbers the command just written. */
  push(waiter: CommandWaiter | undefined): void {
    if (this.size > this.#mask) this.#grow()
    const at = this.#next & this.#mask
    this.#waiters[at] = waiter
    this.#deduplicated[at] = 0
    this.#next = (this.#next + 1) >>> 0
  }

  /** Everything up to `command` is done. */
  confirm(command: number): void {
    const count = (command - this.#first + 1) >>> 0
    // A repetition of the last CONFIRM covers nothing new.
    if (count === 0) return
    if (count > this.size) throw invalidFrame(`CONFIRM of command ${command}, which was not sent.`)
    for (let done = 0; done < count; done++) {
      const at = this.#first & this.#mask
      const waiter = this.#waiters[at]
      this.#waiters[at] = undefined
      this.#first = (this.#first + 1) >>> 0
      if (waiter !== undefined) waiter.confirmed(this.#deduplicated[at] === 1)
    }
    if (this.#idle.length > 0 && this.size === 0) this.#becomeIdle()
  }

  refuse(command: number, error: WireError): void {
    const at = this.#at(command)
    const waiter = this.#waiters[at]
    this.#waiters[at] = undefined
    if (waiter !== undefined) waiter.refused(error)
  }

  deduplicated(command: number): void {
    this.#deduplicated[this.#at(command)] = 1
  }

  /** The connection is gone: each pending command is refused with `error`, and counting begins again at 1. */
  clear(error: WireError): void {
    const waiters: CommandWaiter[] = []
    for (; this.#first !== this.#next; this.#first = (this.#first + 1) >>> 0) {
      const waiter = this.#waiters[this.#first & this.#mask]
      if (waiter !== undefined) waiters.push(waiter)
    }
    this.#waiters = Array.from({ length: FIRST_CAPACITY })
    this.#deduplicated = new Uint8Array(FIRST_CAPACITY)
    this.#mask = FIRST_CAPACITY - 1
    this.#first = 1
    this.#next = 1
    for (const waiter of waiters) waiter.refused(error)
    this.#becomeIdle()
  }

  #becomeIdle(): void {
    const idle = this.#idle
    this.#idle = []
    for (const resolve of idle) resolve()
  }

  #at(command: number): number {
    if ((command - this.#first) >>> 0 >= this.size)
      throw invalidFrame(`An answer to command ${command}, which is not pending.`)
    return command & this.#mask
  }

  #grow(): void {
    const capacity = (this.#mask + 1) * 2
    const waiters: (CommandWaiter | undefined)[] = Array.from({ length: capacity })
    const deduplicated = new Uint8Array(capacity)
    for (let number = this.#first; number !== this.#next; number = (number + 1) >>> 0) {
      waiters[number & (capacity - 1)] = this.#waiters[number & this.#mask]
      deduplicated[number & (capacity - 1)] = this.#deduplicated[number & this.#mask]!
    }
    this.#waiters = waiters
    this.#deduplicated = deduplicated
    this.#mask = capacity - 1
  }
}
