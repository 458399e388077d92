import { type AlgorithmName, createBalancer } from '@aether/lb'
import type { Contender, StepClient } from '../contender.ts'

const packages = ['@aether/lb']
/** More keys than fit into a branch predictor, few enough for the cache. */
const requests = Array.from({ length: 1_024 }, (_, index) => ({
  key: `key-${index}`,
  clientIp: `10.0.${index >> 8}.${index & 255}`,
  sessionId: `session-${index}`,
}))

/** One choice among so many backends, named `lb-<algorithm>-<backends>`. */
export function lbPick(algorithm: AlgorithmName, backends: number): Contender {
  return {
    name: `lb-${algorithm}-${backends}`,
    server: 'none',
    packages,
    async steps(): Promise<StepClient> {
      const lb = createBalancer({ algorithm, explain: 0 })
      for (let index = 0; index < backends; index++)
        lb.add({
          host: `10.${index >> 8}.${index & 255}.1`,
          port: 8080,
          // Exact shares are only worth their price where the shares differ.
          weight: algorithm === 'weighted-round-robin' ? 1 + (index % 5) : 1,
        })
      return {
        run(count) {
          let chosen = 0
          for (let step = 0; step < count; step++)
            if (lb.choose(requests[step & 1_023]) !== undefined) chosen++
          return chosen
        },
        close: () => lb.close(),
      }
    },
  }
}

/** One request through everything that a balancer may be asked to do, its attempt done at once. */
export const lbRoute: Contender = {
  name: 'lb-route',
  server: 'none',
  packages,
  async steps() {
    const lb = createBalancer({
      healthCheck: { probe: () => true, intervalMs: 1_000 },
      outlier: {},
      affinity: { by: 'session' },
      rateLimit: {
        requestsPerSecond: 100_000_000,
        perClient: { requestsPerSecond: 10_000_000 },
        floodThreshold: 1_000_000_000,
      },
      concurrency: {},
      slowStart: { windowMs: 1_000 },
    })
    for (let index = 0; index < 10; index++) lb.add({ host: '10.0.0.1', port: 1 + index })
    lb.start()
    const answer = Promise.resolve('done')
    const call = (): Promise<string> => answer
    return {
      async run(count) {
        let answered = 0
        for (let step = 0; step < count; step++)
          if ((await lb.route(requests[step & 1_023] ?? {}, call)).value === 'done') answered++
        return answered
      },
      close: () => lb.close(),
    }
  },
}
