import CircuitBreaker from 'opossum'
import type { Contender } from '../contender.ts'

/** A breaker with a timeout, and nothing else. */
export const opossum: Contender = {
  name: 'opossum',
  server: 'none',
  packages: ['opossum'],
  async steps() {
    const answer = Promise.resolve('done')
    const breaker = new CircuitBreaker(() => answer, { timeout: 30_000 })
    return {
      async run(count) {
        let answered = 0
        for (let step = 0; step < count; step++) if ((await breaker.fire()) === 'done') answered++
        return answered
      },
      close: async () => breaker.shutdown(),
    }
  },
}
