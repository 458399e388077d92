import type { Clock, Timer } from '@aether/core'

/** A clock that stands still until it is told to go on. */
export interface ManualClock extends Clock {
  /** Lets `byMs` pass, firing what falls due in order of its time; timers set meanwhile fire too, when they fall due. */
  advance(byMs: number): void
  /** As `advance`, with a turn of the event loop after each timer, so that promises that it settles go on before the next. */
  advanceAsync(byMs: number): Promise<void>
  /** Sets the wall clock without letting time pass, as an operator would. */
  setNow(epochMs: number): void
  /** Timers not yet fired or cancelled. */
  readonly pending: number
}

interface ManualTimer {
  readonly callback: () => void
  readonly dueAt: number
  readonly order: number
}

/** Makes a hand-stepped clock whose wall clock begins at `startAt`, in epoch milliseconds, and whose monotonic clock begins at 0. */
export function createManualClock(startAt = 1_700_000_000_000): ManualClock {
  const timers = new Set<ManualTimer>()
  let wallOffset = startAt
  let elapsed = 0
  let order = 0
  const nextDue = (until: number): ManualTimer | undefined => {
    const due = [...timers].filter(({ dueAt }) => dueAt <= until)
    return due.toSorted((a, b) => a.dueAt - b.dueAt || a.order - b.order)[0]
  }
  const fire = (timer: ManualTimer): void => {
    timers.delete(timer)
    elapsed = Math.max(elapsed, timer.dueAt)
    timer.callback()
  }
  return {
    now: () => wallOffset + elapsed,
    monotonic: () => elapsed,
    setTimer(callback, delayMs): Timer {
      order += 1
      const timer: ManualTimer = { callback, dueAt: elapsed + Math.max(0, delayMs), order }
      timers.add(timer)
      return { cancel: () => void timers.delete(timer) }
    },
    advance(byMs) {
      const target = elapsed + byMs
      for (let due = nextDue(target); due !== undefined; due = nextDue(target)) fire(due)
      elapsed = target
    },
    async advanceAsync(byMs) {
      const target = elapsed + byMs
      await turn()
      for (let due = nextDue(target); due !== undefined; due = nextDue(target)) {
        fire(due)
        await turn()
      }
      elapsed = target
      await turn()
    },
    setNow(epochMs) {
      wallOffset = epochMs - elapsed
    },
    get pending() {
      return timers.size
    },
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}
