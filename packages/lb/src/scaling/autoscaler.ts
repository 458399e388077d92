import type { Endpoint } from '../backends/endpoint.ts'
import { checkCount, checkFields, checkMs, checkNumber } from '../check-options.ts'
import type { Clock, Timer } from '../clock.ts'
import { invalidOption } from '../errors.ts'
import type { LoadDistribution } from '../observe/distribution.ts'
import type { EventStream } from '../observe/events.ts'
import { desiredCount, type LoadSignal, type ScaleTargets } from './scale-signal.ts'

/** Starts and stops backends, and adds them to and removes them from the balancer. */
export interface Scaler {
  /** How many there are, starting ones included. */
  readonly count: number
  /** Resolves once there are this many; never called again before. */
  scale(count: number): Promise<void>
}

export interface AutoscaleOptions {
  /** @default 1 */
  readonly min?: number
  /** @default 10 */
  readonly max?: number
  /** Part of all slots that should be in use. @default 0.7 */
  readonly targetUtilisation?: number
  /** p95 above which there should be more. @default latency does not count */
  readonly targetLatencyMs?: number
  /** @default 5_000 */
  readonly intervalMs?: number
  /** Least time between two increases. @default 30_000 */
  readonly scaleOutCooldownMs?: number
  /** Least time after any change before a decrease. @default 300_000 */
  readonly scaleInCooldownMs?: number
}

export interface Autoscaling {
  /** What the load asks for now. */
  readonly desired: number
  /** Looks now instead of at the next interval. */
  evaluate(): Promise<void>
  close(): void
}

interface World {
  readonly clock: Clock
  readonly events: EventStream
  readonly load: () => LoadDistribution
  readonly backends: () => readonly Endpoint[]
  readonly onClose: () => void
}

export class Autoscaler implements Autoscaling {
  private readonly targets: ScaleTargets
  private readonly intervalMs: number
  private readonly outMs: number
  private readonly inMs: number
  private lastOut = -Infinity
  private lastChange = -Infinity
  private timer: Timer | undefined = undefined
  private running: Promise<void> | undefined = undefined
  private isClosed = false
  private readonly scaler: Scaler
  private readonly world: World

  constructor(scaler: Scaler, options: AutoscaleOptions, world: World) {
    checkFields(options, 'autoscale', [
      'min',
      'max',
      'targetUtilisation',
      'targetLatencyMs',
      'intervalMs',
      'scaleOutCooldownMs',
      'scaleInCooldownMs',
    ])
    const { min = 1, max = Math.max(10, min), targetUtilisation = 0.7, targetLatencyMs } = options
    this.targets = {
      min: checkCount(min, 'autoscale.min', 0),
      max: checkCount(max, 'autoscale.max'),
      utilisation: checkNumber(targetUtilisation, 'autoscale.targetUtilisation', { above: true, max: 1 }),
      latencyMs:
        targetLatencyMs === undefined ? undefined : checkMs(targetLatencyMs, 'autoscale.targetLatencyMs'),
    }
    if (min > max) throw invalidOption(`autoscale.min (${min}) is more than max (${max})`)
    this.intervalMs = checkMs(options.intervalMs ?? 5_000, 'autoscale.intervalMs')
    this.outMs = checkNumber(options.scaleOutCooldownMs ?? 30_000, 'autoscale.scaleOutCooldownMs')
    this.inMs = checkNumber(options.scaleInCooldownMs ?? 300_000, 'autoscale.scaleInCooldownMs')
    this.scaler = scaler
    this.world = world
  }

  get desired(): number {
    return desiredCount(this.signal(), this.targets)
  }

  start(): void {
    if (this.isClosed) return
    this.timer = this.world.clock.setTimer(() => {
      // What goes wrong is told as an event.
      void this.evaluate().then(() => this.start())
    }, this.intervalMs)
  }

  evaluate(): Promise<void> {
    this.running ??= this.adjust().finally(() => (this.running = undefined))
    return this.running
  }

  close(): void {
    this.isClosed = true
    this.timer?.cancel()
    this.world.onClose()
  }

  private async adjust(): Promise<void> {
    const from = this.scaler.count
    const to = this.desired
    const now = this.world.clock.monotonic()
    if (to === from || this.isClosed) return
    // Coming up to the minimum, at the start or after an accident, neither waits nor makes others wait.
    if (from >= this.targets.min) {
      if (to > from && now - this.lastOut < this.outMs) return
      if (to < from && now - this.lastChange < this.inMs) return
      if (to > from) this.lastOut = now
    }
    this.lastChange = now
    try {
      await this.scaler.scale(to)
      this.world.events.emit({ type: 'scaled', from, to })
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error)
      this.world.events.emit({ type: 'scale-failed', to, error: text })
    }
  }

  private signal(): LoadSignal {
    const load = this.world.load()
    const up = this.world.backends().filter((endpoint) => endpoint.isUp && !endpoint.isDraining)
    const slots = up.reduce((sum, endpoint) => sum + endpoint.maxConnections, 0)
    const busy = up.reduce((sum, endpoint) => sum + endpoint.active, 0)
    return {
      current: this.scaler.count,
      utilisation: slots === 0 ? 0 : busy / slots,
      queued: load.queued,
      slotsEach: up.length === 0 ? 1 : slots / up.length,
      latencyMs: up.reduce((most, endpoint) => Math.max(most, load.backends[endpoint.id]?.p95Ms ?? 0), 0),
    }
  }
}
