/** Resolves with `promise`, at the abort of `signal`, or after `timeoutMs`, whichever is first. */
export async function within(timeoutMs: number, signal: AbortSignal, promise: Promise<void>): Promise<void> {
  if (signal.aborted) return
  let timer: ReturnType<typeof setTimeout> | undefined
  const timeout = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, timeoutMs)
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
  await Promise.race([promise, timeout])
  clearTimeout(timer)
}

/** As `promise`, or rejects with the signal's reason as soon as that aborts; what was begun goes on. */
export async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise
  let onAbort!: () => void
  const aborted = new Promise<never>((_resolve, reject) => {
    onAbort = () => reject(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    if (signal.aborted) onAbort()
  })
  try {
    return await Promise.race([promise, aborted])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

/** Resolves after `delayMs`, or at once when the signal aborts. */
export function pause(delayMs: number, signal: AbortSignal): Promise<void> {
  if (delayMs <= 0 || signal.aborted) return Promise.resolve()
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', end)
      resolve()
    }
    const timer = setTimeout(end, delayMs)
    signal.addEventListener('abort', end, { once: true })
  })
}
