import type { Router } from './router.ts'

export interface IdleOptions {
  readonly timeoutMs: number
  /** Stops waiting. */
  readonly signal: AbortSignal
}

/** Resolves when no slot is held and nobody waits, when the time is over, or on abort. */
export function untilIdle(router: Router, { timeoutMs, signal }: IdleOptions): Promise<void> {
  return new Promise((resolve) => {
    const isIdle = (): boolean => router.wheel.pending === 0 && router.inFlight === 0
    const end = (): void => {
      timer.cancel()
      router.onIdle = undefined
      signal.removeEventListener('abort', end)
      resolve()
    }
    const timer = router.clock.setTimer(end, timeoutMs)
    signal.addEventListener('abort', end, { once: true })
    // Runs that pause before a retry hold no slot; their attempts end with an error, and then they are gone too.
    router.onIdle = () => queueMicrotask(() => isIdle() && end())
    if (isIdle() || signal.aborted) end()
  })
}
