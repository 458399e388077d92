import { packageTests, withServers } from '../../vitest.shared.ts'

export default packageTests({
  ...withServers,
  // Examples are processes of their own, which a busy machine starts slowly.
  testTimeout: 120_000,
  hookTimeout: 120_000,
  // Types are behaviour here: what follows from a callback is tested as all else is.
  typecheck: { enabled: true, include: ['test/**/*.test-d.ts'], tsconfig: 'test/tsconfig.json' },
})
