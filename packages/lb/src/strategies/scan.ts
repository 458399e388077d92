import type { Backend } from '../backends/backend.ts'
import type { Picking } from './strategy.ts'

/** The first backend from a random start that takes the request: where a draw met only those that do not. O(n), and rare. */
export function scan(backends: readonly Backend[], picking: Picking): Backend | undefined {
  const count = backends.length
  let index = picking.below(count)
  for (let step = 0; step < count; step++) {
    const backend = backends[index] as Backend
    if (picking.accepts(backend)) return backend
    index = index + 1 === count ? 0 : index + 1
  }
  return undefined
}
