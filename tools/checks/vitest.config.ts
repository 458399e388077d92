import { packageTests } from '../../vitest.shared.ts'

// Each test starts a dozen processes one after the other: a limit against a hang, with room for a busy machine.
export default packageTests({ testTimeout: 120_000 })
