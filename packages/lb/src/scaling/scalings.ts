import type { AutoscaleOptions } from './autoscale-options.ts'
import { Autoscaler, type AutoscalerWorld, type Autoscaling, type Scaler } from './autoscaler.ts'

/** The scalers that are led, each by its number. */
export class Scalings implements Iterable<Autoscaling> {
  private readonly running = new Set<Autoscaler>()
  private last = 0
  private readonly world: Omit<AutoscalerWorld, 'id' | 'onClose'>

  constructor(world: Omit<AutoscalerWorld, 'id' | 'onClose'>) {
    this.world = world
  }

  get size(): number {
    return this.running.size
  }

  [Symbol.iterator](): Iterator<Autoscaling> {
    return this.running.values()
  }

  start(scaler: Scaler, options: AutoscaleOptions): Autoscaling {
    const id = `scaling-${++this.last}`
    const onClose = (): void => void this.running.delete(autoscaler)
    const autoscaler = new Autoscaler(scaler, options, { ...this.world, id, onClose })
    this.running.add(autoscaler)
    autoscaler.start()
    return autoscaler
  }

  close(): void {
    for (const autoscaler of this.running) autoscaler.close()
  }
}
