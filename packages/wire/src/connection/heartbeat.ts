/**
 * Notices a silent peer: after one interval without a byte it asks for a PING, after two it gives up. It counts its own ticks and not the clock, so
 * that a process that was frozen first reads what has come meanwhile.
 */
export class Heartbeat {
  readonly #timer: ReturnType<typeof setInterval>
  #silentTicks = 0

  constructor(intervalMs: number, handlers: { readonly onSilent: () => void; readonly onLost: () => void }) {
    this.#timer = setInterval(
      () => {
        this.#silentTicks++
        if (this.#silentTicks >= 5) handlers.onLost()
        else if (this.#silentTicks >= 3) handlers.onSilent()
      },
      Math.max(1, Math.ceil(intervalMs / 2)),
    )
  }

  /** Something was heard. */
  heard(): void {
    this.#silentTicks = 0
  }

  stop(): void {
    clearInterval(this.#timer)
  }
}
