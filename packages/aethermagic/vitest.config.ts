import { packageTests } from '../../vitest.shared.ts'

export default packageTests({
  // Types are behaviour here: what follows from a callback is tested as all else is.
  typecheck: { enabled: true, include: ['test/**/*.test-d.ts'], tsconfig: 'test/tsconfig.json' },
})
