import type { Backend } from '../backends/backend.ts'
import type { Endpoint } from '../backends/endpoint.ts'
import { Sampler } from './sampler.ts'
import { scan } from './scan.ts'
import type { Scratch } from './scratch.ts'
import type { OwnStrategy, StrategyView } from './strategy.ts'

/** What counts for `quantum-aware`, and which workload needs what. */
export interface QuantumAwareOptions {
  /** What each term counts; they are normalised to a sum of 1. */
  readonly capabilityWeight?: number
  readonly priorityWeight?: number
  readonly loadWeight?: number
  readonly latencyWeight?: number
  /** The capability each workload needs; a workload that is not listed runs anywhere. @default { quantum_simulation: 'quantum' } */
  readonly workloads?: Readonly<Record<string, string>>
}

/** The part of the backends that a workload may use, and what is known of each beforehand. */
interface Room {
  readonly sampler: Sampler
  /** Priorities from 0 to 1. */
  readonly ranks: Float64Array
  /** 1 where it has what some workload needs. */
  readonly rare: Uint8Array
}

/**
 * For backends that differ in what they can do. A workload that needs a capability goes only where it is declared; hybrid work prefers such places, all other
 * work leaves them free. Of two that may, drawn by weight, the better sum of capability, priority, free slots and latency wins, each from 0 to 1, so that
 * no term swamps the others and not everyone runs to the same one. O(1).
 */
export class QuantumAware implements OwnStrategy {
  readonly name = 'quantum-aware'
  readonly ranksPriorities = true
  readonly needs: ReadonlyMap<string, string>
  private readonly capability: number
  private readonly priority: number
  private readonly load: number
  private readonly latency: number
  private readonly needed: ReadonlySet<string>
  private rooms = new Map<string, Room>()
  private everywhere: Room
  /** Of the two that were drawn: arrays, since a fraction that a function returns is made an object. */
  private readonly latencies = new Float64Array(2)
  private readonly scores = new Float64Array(2)

  constructor(options: QuantumAwareOptions = {}) {
    const { capabilityWeight = 0.3, priorityWeight = 0.3, loadWeight = 0.2, latencyWeight = 0.2 } = options
    const sum = capabilityWeight + priorityWeight + loadWeight + latencyWeight
    this.capability = capabilityWeight / sum
    this.priority = priorityWeight / sum
    this.load = loadWeight / sum
    this.latency = latencyWeight / sum
    this.needs = new Map(Object.entries(options.workloads ?? { quantum_simulation: 'quantum' }))
    this.needed = new Set(this.needs.values())
    this.everywhere = this.roomOf([])
  }

  update(view: StrategyView): void {
    this.everywhere = this.roomOf(view.eligible)
    this.rooms = new Map(
      [...this.needs].map(([workload, capability]) => [
        workload,
        this.roomOf(view.eligible.filter((backend) => backend.capabilities.includes(capability))),
      ]),
    )
  }

  pick(picking: Scratch): Backend | undefined {
    const room = this.rooms.get(picking.workload) ?? this.everywhere
    const { backends } = room.sampler
    if (backends.length < 2) {
      const only = backends[0]
      return only !== undefined && picking.accepts(only) ? only : undefined
    }
    const firstIndex = room.sampler.draw(picking)
    const secondIndex = room.sampler.drawOther(firstIndex, picking)
    const first = backends[firstIndex] as Endpoint
    const second = backends[secondIndex] as Endpoint
    const isFirst = picking.accepts(first)
    const isSecond = picking.accepts(second)
    if (!isFirst && !isSecond) return scan(backends, picking)
    if (!isSecond) return first
    if (!isFirst) return second
    this.measure(0, first, picking)
    this.measure(1, second, picking)
    this.score(0, firstIndex, room, picking.workload)
    this.score(1, secondIndex, room, picking.workload)
    const { scores } = this
    picking.score = scores[0] as number
    picking.note(first)
    picking.score = scores[1] as number
    picking.note(second)
    return (scores[1] as number) > (scores[0] as number) ? second : first
  }

  private measure(place: 0 | 1, endpoint: Endpoint, picking: Scratch): void {
    endpoint.estimate(picking)
    this.latencies[place] = endpoint.estimatedMs
  }

  /** 0 to 1, higher is better. Latency is measured against the other of the two. */
  private score(place: 0 | 1, index: number, room: Room, workload: string): void {
    const backend = room.sampler.backends[index] as Backend
    const mine = this.latencies[place] as number
    const worst = Math.max(this.latencies[0] as number, this.latencies[1] as number)
    // Hybrid work gains from what is rare; other work should leave it to those that need it, and those are only where it is.
    const isFit = this.needs.has(workload) || (room.rare[index] === 1) === (workload === 'hybrid')
    this.scores[place] =
      this.capability * (isFit ? 1 : 0.5) +
      this.priority * (room.ranks[index] as number) +
      this.load * (1 - Math.min(1, backend.active / backend.maxConnections)) +
      this.latency * (worst === 0 ? 1 : 1 - mine / worst)
  }

  private roomOf(backends: readonly Backend[]): Room {
    const sampler = new Sampler()
    sampler.update(backends)
    const lowest = backends.reduce((least, { priority }) => Math.min(least, priority), Infinity)
    const highest = backends.reduce((most, { priority }) => Math.max(most, priority), -Infinity)
    const span = highest - lowest
    return {
      sampler,
      ranks: Float64Array.from(backends, ({ priority }) => (span > 0 ? (priority - lowest) / span : 1)),
      rare: Uint8Array.from(backends, ({ capabilities }) =>
        capabilities.some((capability) => this.needed.has(capability)) ? 1 : 0,
      ),
    }
  }
}
