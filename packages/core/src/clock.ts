/** Time as code sees it, injected where behaviour depends on it. Milliseconds. */
export interface Clock {
  /** Epoch milliseconds; may jump when the machine's clock is set. */
  now(): number
  /** Monotonic milliseconds: for measuring and for timeouts. */
  monotonic(): number
  setTimer(callback: () => void, delayMs: number): Timer
}

export interface Timer {
  cancel(): void
}

/** Longest delay that `setTimeout` takes; it makes one millisecond of any that is longer. */
const longestMs = 2 ** 31 - 1

/** The machine's own clock. Its timers keep the process alive until cancelled or fired. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimer(callback, delayMs) {
    if (!(delayMs > longestMs)) {
      const handle = setTimeout(callback, delayMs)
      return { cancel: () => clearTimeout(handle) }
    }
    let timer: Timer | undefined = undefined
    const rest = (): void => {
      timer = systemClock.setTimer(callback, delayMs - longestMs)
    }
    timer = systemClock.setTimer(rest, longestMs)
    return { cancel: () => timer?.cancel() }
  },
}
