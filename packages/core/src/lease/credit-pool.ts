/** How many unsettled deliveries may be out, for one consumer or for several that share a pool. */
export class CreditPool {
  readonly #credit: number
  #used = 0

  constructor(credit: number) {
    this.#credit = credit
  }

  get isFree(): boolean {
    return this.#used < this.#credit
  }

  take(): void {
    this.#used += 1
  }

  giveBack(): void {
    this.#used -= 1
  }
}
