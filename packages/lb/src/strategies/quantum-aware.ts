import type { Backend } from '../backends/backend.ts'
import { Sampler } from './sampler.ts'
import { scan } from './scan.ts'
import type { Picking, Strategy, StrategyView } from './strategy.ts'

export interface QuantumAwareOptions {
  /** What each term counts; they are normalised to a sum of 1. */
  readonly capabilityWeight?: number
  readonly priorityWeight?: number
  readonly loadWeight?: number
  readonly latencyWeight?: number
  /** The capability each workload needs; a workload that is not listed runs anywhere. @default { quantum_simulation: 'quantum' } */
  readonly workloads?: Readonly<Record<string, string>>
}

/** The part of the backends that a workload may use. */
interface Room {
  readonly sampler: Sampler
  readonly lowest: number
  readonly span: number
}

/**
 * For backends that differ in what they can do. A workload that needs a capability goes only where it is declared; hybrid work prefers such places, all other
 * work leaves them free. Of two that may, drawn by weight, the better sum of capability, priority, free slots and latency wins, each from 0 to 1, so that
 * no term swamps the others and not everyone runs to the same one. O(1).
 */
export class QuantumAware implements Strategy {
  readonly name = 'quantum-aware'
  readonly ranksPriorities = true
  private readonly workloads: ReadonlyMap<string, string>
  private readonly terms: readonly [number, number, number, number]
  private readonly quantum: ReadonlySet<string>
  private rooms = new Map<string, Room>()
  private everywhere: Room = roomOf([])

  constructor(options: QuantumAwareOptions = {}) {
    const { capabilityWeight = 0.3, priorityWeight = 0.3, loadWeight = 0.2, latencyWeight = 0.2 } = options
    const sum = capabilityWeight + priorityWeight + loadWeight + latencyWeight
    this.terms = [capabilityWeight / sum, priorityWeight / sum, loadWeight / sum, latencyWeight / sum]
    this.workloads = new Map(Object.entries(options.workloads ?? { quantum_simulation: 'quantum' }))
    this.quantum = new Set(this.workloads.values())
  }

  update(view: StrategyView): void {
    this.everywhere = roomOf(view.eligible)
    this.rooms = new Map(
      [...this.workloads].map(([workload, capability]) => [
        workload,
        roomOf(view.eligible.filter((backend) => backend.capabilities.includes(capability))),
      ]),
    )
  }

  pick(picking: Picking): Backend | undefined {
    const room = this.rooms.get(picking.workload) ?? this.everywhere
    const { backends } = room.sampler
    if (backends.length < 2) {
      const only = backends[0]
      return only !== undefined && picking.accepts(only) ? only : undefined
    }
    const index = room.sampler.draw(picking)
    const first = backends[index] as Backend
    const second = backends[room.sampler.drawOther(index, picking)] as Backend
    const isFirst = picking.accepts(first)
    const isSecond = picking.accepts(second)
    if (!isFirst && !isSecond) return scan(backends, picking)
    if (!isSecond) return first
    if (!isFirst) return second
    const firstScore = this.score(first, second, room, picking)
    const secondScore = this.score(second, first, room, picking)
    picking.consider(first, firstScore)
    picking.consider(second, secondScore)
    return secondScore > firstScore ? second : first
  }

  /** 0 to 1, higher is better. Latency is measured against the other of the two. */
  private score(backend: Backend, other: Backend, room: Room, picking: Picking): number {
    const [capability, priority, load, latency] = this.terms
    const now = picking.now()
    const mine = backend.expectedMs(now)
    const worst = Math.max(mine, other.expectedMs(now))
    return (
      capability * this.fit(backend, picking.workload) +
      priority * (room.span === 0 ? 1 : (backend.priority - room.lowest) / room.span) +
      load * (1 - Math.min(1, backend.active / backend.maxConnections)) +
      latency * (worst === 0 ? 1 : 1 - mine / worst)
    )
  }

  private fit(backend: Backend, workload: string): number {
    const isQuantum = backend.capabilities.some((capability) => this.quantum.has(capability))
    // Hybrid work gains from it; other work should leave rare hardware to those that need it.
    if (this.workloads.has(workload)) return 1
    return isQuantum === (workload === 'hybrid') ? 1 : 0.5
  }
}

function roomOf(backends: readonly Backend[]): Room {
  const sampler = new Sampler()
  sampler.update(backends)
  const priorities = backends.map((backend) => backend.priority)
  const lowest = priorities.reduce((least, each) => Math.min(least, each), Infinity)
  const highest = priorities.reduce((most, each) => Math.max(most, each), -Infinity)
  return { sampler, lowest, span: backends.length === 0 ? 0 : highest - lowest }
}
