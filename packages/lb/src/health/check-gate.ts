/** Lets a number of checks run at a time; the others wait their turn. */
export class CheckGate {
  private running = 0
  private readonly waiting = new Set<() => void>()
  private readonly limit: number

  constructor(limit: number) {
    this.limit = limit
  }

  /** False where one has to wait; who entered leaves again. */
  tryEnter(): boolean {
    if (this.running >= this.limit) return false
    this.running++
    return true
  }

  /** Resolves when it is one's turn, with a place as from `tryEnter`; rejects when the signal is aborted before. */
  wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const begin = (): void => {
        signal.removeEventListener('abort', giveUp)
        resolve()
      }
      const giveUp = (): void => {
        this.waiting.delete(begin)
        reject(signal.reason)
      }
      this.waiting.add(begin)
      signal.addEventListener('abort', giveUp, { once: true })
    })
  }

  leave(): void {
    const [next] = this.waiting
    if (next === undefined) {
      this.running--
      return
    }
    // The place goes to the next as it is.
    this.waiting.delete(next)
    next()
  }
}
