import { packageTests, withServers } from '../../vitest.shared.ts'

export default packageTests(withServers)
