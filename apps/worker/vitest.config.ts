import { packageTests } from '../../vitest.shared.ts'

// Real processes on a machine that may be busy with others.
export default packageTests({ testTimeout: 60_000 })
