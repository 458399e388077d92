/**
 * Overhead of one routed request with health, breaker, limits, affinity, outlier detection, concurrency limit and metrics on, and opossum's `fire` alone
 * beside it, in turns: `node --conditions=@aether/source --import tsx bench/lb-route.bench.ts`.
 */
import CircuitBreaker from 'opossum'
import { createBalancer } from '../src/index.ts'
import { measureAsync } from './measure.ts'

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

const requests = Array.from({ length: 1_024 }, (_, index) => ({
  clientIp: `10.0.${index >> 8}.${index & 255}`,
  sessionId: `session-${index}`,
}))
const done = Promise.resolve('done')
const call = (): Promise<string> => done
const breaker = new CircuitBreaker(call, { timeout: 30_000 })

const bare = await measureAsync('the call alone', 100_000, async (count) => {
  for (let step = 0; step < count; step++) await call()
})

for (let round = 0; round < 3; round++) {
  const ours = await measureAsync('lb.route, all on', 100_000, async (count) => {
    for (let step = 0; step < count; step++) await lb.route(requests[step & 1_023] ?? {}, call)
  })
  const theirs = await measureAsync('opossum fire', 100_000, async (count) => {
    for (let step = 0; step < count; step++) await breaker.fire()
  })

  process.stdout.write(
    `overhead ${(ours - bare).toFixed(0)} ns (bar 2000), ${(theirs / ours).toFixed(2)} × opossum (bar 1.00)\n`,
  )
}
breaker.shutdown()
await lb.close()
