import { checkFunction } from './check-options.ts'

/** Time as the balancer sees it, in milliseconds; the same shape as the clock of `@aether/core`. */
export interface Clock {
  /** Epoch milliseconds; may jump when the machine's clock is set. */
  now(): number
  /** Monotonic milliseconds: for measuring and for timeouts. */
  monotonic(): number
  setTimer(callback: () => void, delayMs: number): Timer
}

/** A timer that was set; cancelling one that has fired does nothing. */
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

/** The machine's own where there is none; `ERR_AETHER_OPTIONS_INVALID` for one that is none. */
export function checkClock(clock: Clock | undefined): Clock {
  if (clock === undefined) return systemClock
  for (const method of ['now', 'monotonic', 'setTimer'] as const)
    checkFunction((clock as Partial<Clock> | null)?.[method], `clock.${method}`)
  return clock
}

/** A clock that was set back by less is waited for; with more, all that has a time would stand still too long. */
const longestHoldMs = 1_000

/** Makes a clock that runs backwards (a mock, a virtual machine that was moved) go on from the latest time that it has shown. */
export function steady(clock: Clock): Clock {
  // Neither variables of the closure nor what is read back from the array: each would be made one more object at each reading.
  const times: Times = Float64Array.of(-Infinity, 0)
  return {
    now: () => clock.now(),
    monotonic() {
      const reading = clock.monotonic()
      if (!(reading > (times[0] as number)) || times[1] !== 0) return goOn(times, reading)
      times[0] = reading
      return reading
    },
    setTimer: (callback, delayMs) => clock.setTimer(callback, delayMs),
  }
}

/** The latest time that was shown, and by how much the clock is behind it. */
type Times = Float64Array

function goOn(times: Times, reading: number): number {
  const latest = times[0] as number
  if (latest - (reading + (times[1] as number)) > longestHoldMs) times[1] = latest - reading
  const now = reading + (times[1] as number)
  if (now > latest) times[0] = now
  return times[0] as number
}
