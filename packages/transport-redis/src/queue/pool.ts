import type { Seat } from './seat.ts'

/** Credit that several consumers share. */
export class Pool {
  readonly #credit: number
  #used = 0
  readonly #seats = new Set<Seat>()

  constructor(credit: number) {
    this.#credit = credit
  }

  get isEmpty(): boolean {
    return this.#seats.size === 0 && this.#used === 0
  }

  get free(): number {
    return this.#credit - this.#used
  }

  join(seat: Seat): void {
    this.#seats.add(seat)
  }

  leave(seat: Seat): void {
    this.#seats.delete(seat)
  }

  use(count: number): void {
    this.#used += count
  }

  /** Credit is free again: whoever goes without may have it, the one that had it last of all. */
  giveBack(count: number, by: Seat): void {
    this.#used -= count
    if (this.#seats.size > 1 && this.#seats.delete(by)) this.#seats.add(by)
    for (const seat of this.#seats) seat.wake()
  }
}
