import { packageTests } from '../../vitest.shared.ts'

// Some simulate minutes of several variants: how long that takes is up to the machine, and says nothing.
export default packageTests({ testTimeout: 120_000 })
