import { BalancedPool } from 'undici'
import type { Contender, StepClient } from '../contender.ts'

/** What `BalancedPool` does to choose an upstream; nothing is connected by it. */
export function balancedPool(backends: number): Contender {
  return {
    name: `balanced-pool-${backends}`,
    server: 'none',
    packages: ['undici'],
    async steps(): Promise<StepClient> {
      const pool = new BalancedPool(
        Array.from({ length: backends }, (_, index) => `http://10.${index >> 8}.${index & 255}.1:8080`),
      )
      const select = Object.getOwnPropertySymbols(Object.getPrototypeOf(pool)).find(
        (symbol) => symbol.description === 'get dispatcher',
      )
      if (select === undefined) throw new Error('this undici has another way to select')
      const selecting = pool as unknown as Record<symbol, () => unknown>
      return {
        run(count) {
          let chosen = 0
          for (let step = 0; step < count; step++) if (selecting[select]?.() !== undefined) chosen++
          return chosen
        },
        close: () => pool.destroy(),
      }
    },
  }
}
