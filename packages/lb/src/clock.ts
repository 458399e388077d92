/** Time as the balancer sees it, in milliseconds; the same shape as the clock of `@aether/core`. */
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

/** The machine's own clock. Its timers do not keep the process alive: a balancer is never the reason to go on. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimer(callback, delayMs) {
    const handle = setTimeout(callback, Math.min(delayMs, longestMs))
    handle.unref()
    return { cancel: () => clearTimeout(handle) }
  },
}

/** Holds a clock that runs backwards (a mock, a virtual machine that was moved) at the latest time it has shown. */
export function steady(clock: Clock): Clock {
  // Neither a variable of the closure nor what is read back from the array: each would be made one more object at each reading.
  const latest = Float64Array.of(-Infinity)
  return {
    now: () => clock.now(),
    monotonic() {
      const reading = clock.monotonic()
      if (!(reading > (latest[0] as number))) return latest[0] as number
      latest[0] = reading
      return reading
    },
    setTimer: (callback, delayMs) => clock.setTimer(callback, delayMs),
  }
}
