import type { Backend } from '../backends/backend.ts'
import { AliasTable, type Draw } from './alias-table.ts'

/** Draws backends by effective weight: uniformly where all weigh the same, from an alias table otherwise. Constant time, no allocation. */
export class Sampler {
  backends: readonly Backend[] = []
  private table: AliasTable | undefined = undefined

  update(backends: readonly Backend[]): void {
    this.backends = backends
    const first = backends[0]?.effectiveWeight
    const isUniform = backends.every((backend) => backend.effectiveWeight === first)
    this.table = isUniform ? undefined : new AliasTable(backends.map((backend) => backend.effectiveWeight))
  }

  /** An index; there must be at least one backend. */
  draw(dice: Draw): number {
    return this.table === undefined ? dice.below(this.backends.length) : this.table.draw(dice)
  }

  /** An index other than `first`; there must be at least two backends. */
  drawOther(first: number, dice: Draw): number {
    const count = this.backends.length
    if (this.table === undefined) {
      const index = dice.below(count - 1)
      return index >= first ? index + 1 : index
    }
    // One backend may hold nearly all of the weight: then drawing again leads nowhere, and any other one will do.
    for (let tries = 0; tries < 8; tries++) {
      const index = this.table.draw(dice)
      if (index !== first) return index
    }
    const index = dice.below(count - 1)
    return index >= first ? index + 1 : index
  }
}
