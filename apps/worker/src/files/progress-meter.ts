/** Says at most every `everyMs` how far a read has come, and waits for nobody. */
export interface ProgressMeter {
  add(bytes: number): void
}

export interface ProgressMeterOptions {
  readonly total: number
  /** @default 200 */
  readonly everyMs?: number
  /** Monotonic milliseconds. @default performance.now */
  readonly now?: () => number
}

export interface ByteProgress {
  readonly bytes: number
  readonly total: number
}

/** Progress is a courtesy: while one report is on its way the next is left out, and a refused one is dropped. The task's signal says what matters. */
export function progressMeter(
  report: (progress: ByteProgress, pct: number) => Promise<unknown>,
  options: ProgressMeterOptions,
): ProgressMeter {
  const { total, everyMs = 200, now = () => performance.now() } = options
  let bytes = 0
  let last = now()
  let isReporting = false
  return {
    add(count) {
      bytes += count
      const at = now()
      if (isReporting || at - last < everyMs) return
      last = at
      isReporting = true
      const pct = total > 0 ? Math.min(100, Math.floor((bytes / total) * 100)) : 0
      report({ bytes, total: Math.max(total, bytes) }, pct)
        .catch(() => undefined)
        .finally(() => {
          isReporting = false
        })
    },
  }
}
