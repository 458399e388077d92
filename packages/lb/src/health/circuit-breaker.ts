import type { Clock, Timer } from '../clock.ts'
import { checkCount, checkFields, checkMs } from '../check-options.ts'
import { invalidOption } from '../errors.ts'

/** `closed` lets requests pass, `open` none, `half-open` a few probes. */
export type BreakerState = 'closed' | 'open' | 'half-open'

/** When the breaker of a backend opens, and how it closes again. */
export interface BreakerOptions {
  /** Failures in a row that open it. @default 5 */
  readonly failureThreshold?: number
  /** Probes in a row that close it again. @default 2 */
  readonly successThreshold?: number
  /** How long it stays open the first time; each reopening doubles it. @default 60_000 */
  readonly timeoutMs?: number
  /** Longest that it stays open. @default 600_000 */
  readonly maxTimeoutMs?: number
  /** Probes at a time while half-open; those that take longer than `timeoutMs` are waited for no longer. @default 3 */
  readonly halfOpenMaxCalls?: number
}

export function checkBreaker(options: BreakerOptions, path = 'breaker'): Required<BreakerOptions> {
  const {
    failureThreshold = 5,
    successThreshold = 2,
    timeoutMs = 60_000,
    maxTimeoutMs = Math.max(600_000, typeof timeoutMs === 'number' ? timeoutMs : 0),
    halfOpenMaxCalls = 3,
  } = checkFields(options, path, [
    'failureThreshold',
    'successThreshold',
    'timeoutMs',
    'maxTimeoutMs',
    'halfOpenMaxCalls',
  ]) as BreakerOptions
  const checked = {
    failureThreshold: checkCount(failureThreshold, `${path}.failureThreshold`),
    successThreshold: checkCount(successThreshold, `${path}.successThreshold`),
    timeoutMs: checkMs(timeoutMs, `${path}.timeoutMs`),
    maxTimeoutMs: checkMs(maxTimeoutMs, `${path}.maxTimeoutMs`),
    halfOpenMaxCalls: checkCount(halfOpenMaxCalls, `${path}.halfOpenMaxCalls`),
  }
  if (checked.maxTimeoutMs < checked.timeoutMs)
    throw invalidOption(`${path}.maxTimeoutMs (${maxTimeoutMs}) is less than timeoutMs (${timeoutMs})`)
  return checked
}

/**
 * Stops traffic to a backend that keeps failing, lets a few probes through after a while, and goes back to normal once they pass. Each state has a
 * generation: what was begun in one state counts in no other.
 */
export class CircuitBreaker {
  state: BreakerState = 'closed'
  /** Rises with each change of state, and when probes are waited for no longer. */
  generation = 0
  /** Whether probes are let through, and one more may start. */
  get hasProbe(): boolean {
    return this.probes < this.options.halfOpenMaxCalls
  }

  /** The generation in which the present state began. */
  private since = 0
  /** Probes under way that are waited for. */
  private probes = 0
  private failures = 0
  private successes = 0
  private reopenings = 0
  private timer: Timer | undefined = undefined
  private isClosed = false
  private readonly options: Required<BreakerOptions>
  private readonly clock: Clock
  /** Also when probes are waited for no longer, and others may start. */
  private readonly onChange: (state: BreakerState) => void

  constructor(options: Required<BreakerOptions>, clock: Clock, onChange: (state: BreakerState) => void) {
    this.options = options
    this.clock = clock
    this.onChange = onChange
  }

  begin(): number {
    if (this.state === 'half-open') this.beginProbe()
    return this.generation
  }

  /** `undefined` says nothing of the backend: the caller gave up. */
  end(generation: number, ok: boolean | undefined): void {
    if (generation < this.since) return
    if (this.state === 'half-open') this.endProbe(generation, ok)
    else if (ok === true) this.failures = 0
    else if (ok === false && ++this.failures >= this.options.failureThreshold && this.state === 'closed')
      this.open()
  }

  /** Its backend is gone, or the balancer: requests that still end there set no timer any more. */
  close(): void {
    this.isClosed = true
    this.timer?.cancel()
  }

  private beginProbe(): void {
    this.probes++
    if (this.hasProbe || this.isClosed) return
    // Probes that never end must not keep it half-open for ever: after a while others may start. The late ones still count when they end.
    this.timer = this.clock.setTimer(() => {
      this.generation++
      this.probes = 0
      this.onChange(this.state)
    }, this.options.timeoutMs)
  }

  private endProbe(generation: number, ok: boolean | undefined): void {
    if (generation === this.generation) {
      this.probes--
      this.timer?.cancel()
    }
    if (ok === undefined) return
    if (!ok) {
      this.reopenings++
      this.open()
    } else if (++this.successes >= this.options.successThreshold) {
      this.reopenings = 0
      this.change('closed')
    }
  }

  private open(): void {
    const { timeoutMs, maxTimeoutMs } = this.options
    this.change('open')
    if (this.isClosed) return
    this.timer = this.clock.setTimer(
      () => this.change('half-open'),
      Math.min(timeoutMs * 2 ** Math.min(this.reopenings, 30), maxTimeoutMs),
    )
  }

  private change(state: BreakerState): void {
    this.timer?.cancel()
    this.state = state
    this.since = ++this.generation
    this.probes = 0
    this.failures = 0
    this.successes = 0
    this.onChange(state)
  }
}
