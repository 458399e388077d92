import type { Endpoint } from '../backends/endpoint.ts'
import type { Strategy } from '../strategies/strategy.ts'

/** The backends of one priority level and zone, with the strategy that picks among them; strategies keep their state as long as the pool lives. */
export class Pool {
  readonly name: string
  readonly strategy: Strategy
  members: readonly Endpoint[] = []
  eligible: readonly Endpoint[] = []
  /** Requests under way. */
  active = 0
  /** Percent of the traffic. */
  share = 0
  private weights = new Float64Array(0)
  private version = 0

  constructor(name: string, strategy: Strategy) {
    this.name = name
    this.strategy = strategy
  }

  update(members: readonly Endpoint[], share: number): void {
    if (!this.isAsBefore(members)) {
      this.version++
      this.weights = Float64Array.from(members, (member) => member.weight)
    }
    this.members = members
    this.eligible = members.filter((member) => member.isEligible)
    this.share = share
    this.active = 0
    for (const member of members) {
      member.pool = this
      this.active += member.active
    }
    this.strategy.update({ members, eligible: this.eligible, version: this.version })
  }

  /** The same members with the same weights: what is built from those alone still holds. */
  private isAsBefore(members: readonly Endpoint[]): boolean {
    return (
      members.length === this.members.length &&
      members.every(
        (member, index) => member === this.members[index] && member.weight === this.weights[index],
      )
    )
  }
}
