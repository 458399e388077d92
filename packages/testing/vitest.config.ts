import { packageTests } from '../../vitest.shared.ts'

export default packageTests({
  // The self tests wait out what a broken transport never does: all of them at the same time.
  maxConcurrency: 80,
})
