import type { Endpoint } from '../backends/endpoint.ts'
import { checkFunction, show } from '../check-options.ts'
import type { Clock, Timer } from '../clock.ts'
import { invalidOption } from '../errors.ts'
import type { EventStream } from '../observe/events.ts'
import { reasonText } from '../reason-text.ts'
import { type AutoscaleOptions, checkAutoscale, type Cooldowns } from './autoscale-options.ts'
import { RecentLatencies } from './recent-latencies.ts'
import { desiredCount, type LoadSignal, type ScaleTargets } from './scale-signal.ts'

/** How a scaler is told to stop. */
export interface ScaleOptions {
  /** Aborted when it takes longer than `scaleTimeoutMs`, and when autoscaling is closed. */
  readonly signal: AbortSignal
}

/** Starts and stops backends, and adds them to and removes them from the balancer. */
export interface Scaler {
  /** How many there are, starting ones included. */
  readonly count: number
  /** Resolves once there are this many; never called again before, however long that takes. Drain what is stopped. */
  scale(count: number, options: ScaleOptions): Promise<void>
}

/** What one scaler is asked for, and what that follows from. */
export interface AutoscaleStatus extends LoadSignal {
  readonly id: string
  /** What the load asks for now. */
  readonly desired: number
  /** What the scaler was last asked for; `undefined` before the first time. */
  readonly requested: number | undefined
  readonly min: number
  readonly max: number
  /** The scaler is at work. */
  readonly isScaling: boolean
}

/** One scaler that is led by the load, until `close`. */
export interface Autoscaling {
  readonly id: string
  /** What the load asks for now. */
  readonly desired: number
  /** What that follows from. */
  status(): AutoscaleStatus
  /** Looks now instead of at the next interval; while the scaler is at work it waits for that. */
  evaluate(): Promise<void>
  /** Ends it; what the scaler has started stays. */
  close(): void
}

export interface AutoscalerWorld {
  readonly id: string
  readonly clock: Clock
  readonly events: EventStream
  readonly router: { readonly queue: { readonly size: number } }
  readonly endpoints: () => readonly Endpoint[]
  /** Whether latencies are kept for each backend. */
  readonly measures: boolean
  readonly onClose: () => void
}

export class Autoscaler implements Autoscaling {
  readonly id: string
  private readonly targets: ScaleTargets
  private readonly times: Cooldowns
  private requested: number | undefined = undefined
  private lastOut = -Infinity
  /** Since when fewer would do, and the most that were wanted since then: one quiet moment is no reason to shrink. */
  private quiet: { readonly since: number; readonly most: number } | undefined = undefined
  private latencyMs = 0
  private timer: Timer | undefined = undefined
  private running: Promise<void> | undefined = undefined
  private stop: AbortController | undefined = undefined
  private isClosed = false
  private readonly latencies = new RecentLatencies()
  private readonly scaler: Scaler
  private readonly world: AutoscalerWorld

  constructor(scaler: Scaler, options: AutoscaleOptions, world: AutoscalerWorld) {
    checkFunction((scaler as Scaler | undefined)?.scale, 'scaler.scale')
    const { targets, times } = checkAutoscale(options)
    if (targets.latencyMs !== undefined && !world.measures)
      throw invalidOption(
        'autoscale.targetLatencyMs needs the latencies that the option metrics: false turns off',
      )
    this.id = world.id
    this.targets = targets
    this.times = times
    this.scaler = scaler
    this.world = world
  }

  get desired(): number {
    return desiredCount(this.signal(), this.targets)
  }

  status(): AutoscaleStatus {
    const { min, max } = this.targets
    const { id, requested, desired } = this
    return { ...this.signal(), id, requested, desired, min, max, isScaling: this.stop !== undefined }
  }

  /** The first look at once, then one an interval. */
  start(delayMs = 0): void {
    if (this.isClosed) return
    this.timer = this.world.clock.setTimer(() => {
      // What goes wrong is told as an event.
      void this.evaluate().then(() => this.start(this.times.intervalMs))
    }, delayMs)
  }

  evaluate(): Promise<void> {
    this.running ??= this.adjust().finally(() => (this.running = undefined))
    return this.running
  }

  close(): void {
    this.isClosed = true
    this.timer?.cancel()
    this.stop?.abort(new Error('autoscaling was closed'))
    this.world.onClose()
  }

  private async adjust(): Promise<void> {
    if (this.isClosed) return
    let to = this.requested ?? 0
    try {
      if (this.targets.latencyMs !== undefined)
        this.latencyMs = this.latencies.read(this.world.endpoints()).quantile(0.95)
      const from = this.scaler.count
      if (!Number.isInteger(from) || from < 0)
        throw new Error(`scaler.count must be an integer from 0, not ${show(from)}`)
      to = this.next(from)
      if (to === from) return
      this.requested = to
      await this.scale(to)
      if (!this.isClosed) this.world.events.emit({ type: 'scaled', from, to })
    } catch (error) {
      if (!this.isClosed) this.world.events.emit({ type: 'scale-failed', to, error: reasonText(error) })
    }
  }

  /** How many there should be now, cool-downs considered. */
  private next(from: number): number {
    const { targets, times } = this
    const { desired } = this
    const now = this.world.clock.monotonic()
    if (desired >= from) this.quiet = undefined
    if (desired === from) return from
    // Coming up to the minimum, at the start or after an accident, neither waits nor makes others wait.
    if (from < targets.min) return desired
    if (desired > from) {
      if (now - this.lastOut < times.outMs) return from
      this.lastOut = now
      return desired
    }
    const { since, most } = this.quiet ?? { since: now, most: desired }
    const enough = Math.max(most, desired)
    const isOver = now - since >= times.inMs
    // After a decrease what was before counts no more.
    this.quiet = isOver ? undefined : { since, most: enough }
    return isOver ? enough : from
  }

  /** One that takes too long is told of and aborted, but waited for all the same: two calls at a time would undo each other. */
  private async scale(to: number): Promise<void> {
    const stop = new AbortController()
    const { timeoutMs } = this.times
    this.stop = stop
    const timer = this.world.clock.setTimer(() => {
      const error = `the scaler did not finish within ${timeoutMs} ms`
      this.world.events.emit({ type: 'scale-failed', to, error })
      stop.abort(new Error(error))
    }, timeoutMs)
    stop.signal.addEventListener('abort', () => timer.cancel(), { once: true })
    try {
      await this.scaler.scale(to, { signal: stop.signal })
    } catch (error) {
      // That it was late has been told.
      if (!stop.signal.aborted) throw error
    } finally {
      timer.cancel()
      this.stop = undefined
    }
  }

  private signal(): LoadSignal {
    const up = this.world.endpoints().filter((endpoint) => endpoint.isUp && !endpoint.isDraining)
    const slots = up.reduce((sum, endpoint) => sum + endpoint.maxConnections, 0)
    const busy = up.reduce((sum, endpoint) => sum + endpoint.active, 0)
    return {
      current: this.scaler.count,
      utilisation: slots === 0 ? 0 : busy / slots,
      queued: this.world.router.queue.size,
      slotsEach: up.length === 0 ? 0 : slots / up.length,
      latencyMs: this.latencyMs,
    }
  }
}
