import { getEventListeners } from 'node:events'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { type Attempt, type Backend, type Balancer, type Lease, seededRandom } from '../../src/index.ts'
import type { Endpoint } from '../../src/backends/endpoint.ts'
import type { HeldLease } from '../../src/requests/lease.ts'
import type { Waiting } from '../../src/requests/admission-queue.ts'
import type { Router } from '../../src/requests/router.ts'
import { fleet } from '../support/fleet.ts'
import { type ManualClock, settle } from '../support/manual-clock.ts'

/** What happens next, drawn at random. */
const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('route' as const),
      how: fc.nat(11),
      fate: fc.constantFrom(
        'throw',
        'answer 503',
        'never',
        'reject late',
        'late',
        'at once',
        'abort another',
        'meddle',
      ),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('pick' as const), timed: fc.boolean() }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('done' as const), which: fc.nat(50) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: fc.nat(400) }) },
  // A process that stands still: whatever comes next comes before the timers that are due.
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('stall' as const), ms: fc.nat(1_500) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('abort' as const), which: fc.nat(50) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('remove' as const), which: fc.nat(10) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('add' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('drain' as const), which: fc.nat(10) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restore' as const), which: fc.nat(10) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('resize' as const),
      which: fc.nat(10),
      maxConnections: fc.integer({ min: 1, max: 4 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('algorithm' as const), which: fc.nat(3) }) },
)
/** In the last steps of some runs it is closing already, and in some of these it is cut short. */
const closing = fc.option(fc.record({ steps: fc.nat(20), isCut: fc.boolean() }))
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never

const algorithms = ['p2c', 'weighted-round-robin', 'rendezvous', 'peak-ewma'] as const

/** Drives one balancer, and knows what it must have given out. */
class World {
  readonly lb: Balancer
  readonly clock: ManualClock
  private readonly router: Router
  private readonly random: () => number
  private readonly all: Set<Backend>
  private readonly leases: Lease[] = []
  /** Every attempt that was ever made; it is a lease, too. */
  private readonly attempts: (Attempt & Lease)[] = []
  private readonly stops: AbortController[] = []
  private readonly open = new Set<Promise<unknown>>()
  private readonly excesses: string[] = []
  private readonly hurry = new AbortController()
  private isClosing = false
  private isClosed = false
  private added = 0

  constructor(seed: number) {
    const { lb, clock } = fleet(
      4,
      {
        random: seededRandom(seed),
        requestTimeoutMs: 1_000,
        attemptTimeoutMs: 200,
        hedge: { initialMs: 30 },
        queue: { limit: 5 },
        breaker: { failureThreshold: 3, timeoutMs: 300, halfOpenMaxCalls: 2 },
        outlier: { sweepMs: 500, baseEjectionMs: 300 },
        affinity: { by: 'session', ttlMs: 500 },
        concurrency: { min: 4, max: 20 },
        drainTimeoutMs: 500,
      },
      (i) => ({ maxConnections: 2, capabilities: i % 2 === 0 ? ['gpu'] : [] }),
    )
    this.lb = lb
    this.clock = clock
    this.router = (lb as unknown as { router: Router }).router
    this.random = seededRandom(seed + 1)
    this.all = new Set(lb.backends)
    lb.start()
  }

  async run(each: Step): Promise<void> {
    const { lb, leases } = this
    if (each.kind === 'route') this.route(each)
    else if (each.kind === 'pick') this.pick(each.timed)
    else if (each.kind === 'stall') this.clock.time += each.ms
    else if (each.kind === 'done')
      leases[each.which % Math.max(1, leases.length)]?.done(
        (['ok', 'failed', 'cancelled'] as const)[each.which % 3],
      )
    else if (each.kind === 'pass') await this.clock.pass(each.ms)
    else if (each.kind === 'abort') this.stops[each.which % Math.max(1, this.stops.length)]?.abort()
    else if (each.kind === 'add') this.add()
    else if (each.kind === 'algorithm') lb.configureAlgorithm(algorithms[each.which]!)
    else {
      const victim = lb.backends[each.which % Math.max(1, lb.backends.length)]
      if (victim === undefined) return
      if (each.kind === 'remove') lb.remove(victim.id)
      else if (each.kind === 'drain') void lb.drain(victim.id)
      else if (each.kind === 'restore') lb.restore(victim.id)
      else lb.update(victim.id, { maxConnections: each.maxConnections })
    }
  }

  close(isCut: boolean): void {
    this.isClosing = true
    void this.lb.close({ signal: this.hurry.signal }).then(() => (this.isClosed = true))
    if (isCut) this.hurry.abort()
  }

  private pick(isTimed: boolean): void {
    try {
      this.leases.push(this.lb.pick(isTimed ? { timeoutMs: 100 } : {}))
    } catch (error) {
      expect(error).toHaveProperty('code')
    }
  }

  private add(): void {
    if (this.isClosing) return
    this.all.add(this.lb.add({ id: `n${this.added++}`, host: 'h', port: 1, maxConnections: 2 }))
  }

  private route({ how, fate }: Extract<Step, { kind: 'route' }>): void {
    const stop = new AbortController()
    this.stops.push(stop)
    const request = {
      idempotent: how % 2 === 0,
      signal: stop.signal,
      priority: how % 3,
      ...(how % 4 === 0 && { sessionId: `s${how}` }),
      ...(how % 5 === 0 && { requires: ['gpu'] }),
    }
    const routed = this.lb.route(request, (attempt) => {
      this.attempts.push(attempt as Attempt & Lease)
      // What is thrown in here would only fail the attempt.
      const { id, active, maxConnections } = attempt.backend
      if (active > maxConnections) this.excesses.push(`${id} has ${active} of ${maxConnections}`)
      if (attempt.remainingMs <= 0) this.excesses.push(`an attempt at ${id} past the deadline`)
      if (this.isClosed) this.excesses.push(`an attempt at ${id} after the balancer was closed`)
      // What comes after a first failure is drawn anew.
      return this.answer(attempt.number === 1 ? fate : this.random() < 0.5 ? 'throw' : 'late', attempt)
    })
    const settled = routed.catch(() => {}).finally(() => this.open.delete(settled))
    this.open.add(settled)
  }

  private answer(fate: string, { signal }: Attempt): unknown {
    // Whoever hears of an abort may do anything, too.
    signal.addEventListener('abort', () => {
      const draw = this.random()
      if (draw < 0.2) this.stops[Math.floor(this.random() * this.stops.length)]?.abort()
      else if (draw < 0.4) this.leases[Math.floor(this.random() * this.leases.length)]?.done()
    })
    if (fate === 'throw') throw new Error('at once')
    if (fate === 'answer 503') return { status: 503 }
    if (fate === 'at once') return 1
    if (fate === 'never') return new Promise(() => {})
    if (fate === 'abort another') this.stops[Math.floor(this.random() * this.stops.length)]?.abort()
    if (fate === 'meddle') this.meddle()
    return new Promise((resolve, reject) => {
      this.clock.setTimer(
        () => (fate === 'reject late' ? reject(new Error('late')) : resolve(1)),
        this.random() * 300,
      )
      signal.addEventListener('abort', () => reject(signal.reason))
    })
  }

  /** From within an attempt, while the balancer is in the midst of something. */
  private meddle(): void {
    const { lb } = this
    const draw = this.random()
    const victim = lb.backends[Math.floor(this.random() * lb.backends.length)]
    if (draw < 0.2) this.route({ kind: 'route', how: 1, fate: draw < 0.1 ? 'at once' : 'late' })
    else if (draw < 0.4) this.pick(draw < 0.3)
    else if (draw < 0.5) this.add()
    else if (victim === undefined) return
    else if (draw < 0.6) lb.remove(victim.id)
    else if (draw < 0.7) lb.update(victim.id, { maxConnections: 1 + Math.floor(this.random() * 4) })
    else for (const lease of this.leases) lease.done()
  }

  /** What must hold whenever nothing is just happening. */
  check(): void {
    expect(this.excesses).toEqual([])
    const held = [...this.leases, ...this.attempts].filter(({ isDone }) => !isDone)
    for (const backend of this.all) {
      const endpoint = backend as Endpoint
      expect(endpoint.active).toBe(held.filter((lease) => lease.backend === backend).length)
      expect(endpoint.total).toBe(endpoint.active + endpoint.succeeded + endpoint.failed + endpoint.cancelled)
      const { breaker } = endpoint
      if (breaker.state !== 'half-open') continue
      const probes = held.filter((lease) => (lease as HeldLease).generation === breaker.generation)
      const { probes: counted } = breaker as unknown as { readonly probes: number }
      expect(counted).toBe(probes.filter(({ backend: at }) => at === backend).length)
      expect(counted).toBeLessThanOrEqual(2)
    }
    expect(this.router.inFlight).toBe(held.length)
    expect(this.router.queue.size).toBeLessThanOrEqual(5)
    if (!this.router.hasRoom()) return
    // Nobody waits who could be served.
    const { selector } = (this.router as unknown as { parts: { selector: Selecting } }).parts
    for (const { request, tried } of this.waiting()) expect(selector.choose(request, tried)).toBeUndefined()
  }

  private waiting(): Waiter[] {
    const { lines } = this.router.queue as unknown as { lines: { oldest: Waiting | undefined }[] }
    const found: Waiter[] = []
    for (const { oldest } of lines)
      for (let each = oldest; each !== undefined; each = each.queueNewer)
        found.push(each as unknown as Waiter)
    expect(found).toHaveLength(this.router.queue.size)
    return found
  }

  /** Everything comes back, and nothing is left. */
  async end(): Promise<void> {
    const { lb, clock, router } = this
    for (const lease of this.leases) lease.done()
    await clock.pass(5_000)
    this.check()
    expect(this.open.size).toBe(0)
    expect([...this.all].filter(({ active }) => active !== 0)).toEqual([])
    expect(lb.getLoadDistribution()).toMatchObject({ active: 0, queued: 0 })
    expect(router.budget.active).toBe(0)
    expect(router.wheel.pending).toBe(0)
    expect(this.stops.filter(({ signal }) => getEventListeners(signal, 'abort').length > 0)).toEqual([])
    const end = lb.close()
    await clock.pass(1_000)
    await end
    expect(clock.pending).toBe(0)
  }
}

interface Selecting {
  choose(request: object, tried: readonly Backend[]): Backend | undefined
}

interface Waiter {
  readonly request: object
  readonly tried: readonly Backend[]
}

it('no slot is lost, none given twice, and nobody waits for a free one, under any mix of throws, timeouts, aborts, retries, hedges, drains and removals', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 20, maxLength: 120 }),
      closing,
      fc.nat(),
      async (steps, close, seed) => {
        const world = new World(seed)
        for (const [index, each] of steps.entries()) {
          if (close !== null && index === steps.length - 1 - close.steps) world.close(close.isCut)
          await world.run(each)
          await settle()
          world.check()
        }
        await world.end()
      },
    ),
    { numRuns: 100 },
  )
}, 60_000)
