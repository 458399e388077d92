import fc from 'fast-check'
import { expect, it } from 'vitest'
import { type BreakerOptions, type BreakerState, CircuitBreaker } from '../../src/health/circuit-breaker.ts'
import { ManualClock } from '../support/manual-clock.ts'

const options = fc
  .record({
    failureThreshold: fc.integer({ min: 1, max: 4 }),
    successThreshold: fc.integer({ min: 1, max: 3 }),
    timeoutMs: fc.integer({ min: 10, max: 100 }),
    cap: fc.integer({ min: 1, max: 8 }),
    halfOpenMaxCalls: fc.integer({ min: 1, max: 3 }),
  })
  .map(({ cap, ...rest }) => ({ ...rest, maxTimeoutMs: rest.timeoutMs * cap }))

const step = fc.oneof(
  { weight: 5, arbitrary: fc.constant({ kind: 'begin' as const }) },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('end' as const),
      which: fc.nat(30),
      ok: fc.constantFrom(true, false, false, undefined),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: fc.integer({ min: 1, max: 150 }) }),
  },
)

interface ModelCall {
  readonly generation: number
  /** Which stay in a state it began in. */
  readonly stay: number
  isWaitedFor: boolean
}

/** What the breaker should do, told with a list of calls and plain times, without timers. */
class Model {
  state: BreakerState = 'closed'
  stay = 0
  calls: ModelCall[] = []
  inRow = 0
  passed = 0
  opensAgain = 0
  changesAt = Infinity
  private readonly set: Required<BreakerOptions>

  constructor(set: Required<BreakerOptions>) {
    this.set = set
  }

  get free(): number {
    return this.set.halfOpenMaxCalls - this.calls.filter((call) => call.isWaitedFor).length
  }

  begin(generation: number, now: number): void {
    this.calls.push({ generation, stay: this.stay, isWaitedFor: this.state === 'half-open' })
    if (this.state === 'half-open' && this.free === 0) this.changesAt = now + this.set.timeoutMs
  }

  end(call: ModelCall, ok: boolean | undefined, now: number): void {
    this.calls.splice(this.calls.indexOf(call), 1)
    if (call.isWaitedFor) this.changesAt = Infinity
    if (ok === undefined || call.stay !== this.stay) return
    if (ok) this.inRow = 0
    else this.inRow++
    if (ok) this.passed++
    if (this.state === 'half-open' && !ok) {
      this.opensAgain++
      this.enter('open', now)
    } else if (this.state === 'half-open' && this.passed >= this.set.successThreshold) {
      this.opensAgain = 0
      this.enter('closed', now)
    } else if (this.state === 'closed' && this.inRow >= this.set.failureThreshold) this.enter('open', now)
  }

  passTo(now: number): void {
    if (now < this.changesAt) return
    if (this.state === 'open') this.enter('half-open', now)
    else {
      for (const call of this.calls) call.isWaitedFor = false
      this.changesAt = Infinity
    }
  }

  private enter(state: BreakerState, now: number): void {
    this.state = state
    this.stay++
    this.inRow = 0
    this.passed = 0
    for (const call of this.calls) call.isWaitedFor = false
    const openMs = Math.min(this.set.timeoutMs * 2 ** this.opensAgain, this.set.maxTimeoutMs)
    this.changesAt = state === 'open' ? now + openMs : Infinity
  }
}

it('a breaker does what its model does, whatever begins, ends late, is given up or never ends', () => {
  const reached = new Set<string>()
  fc.assert(
    fc.property(options, fc.array(step, { minLength: 30, maxLength: 200 }), (set, steps) => {
      const clock = new ManualClock(0)
      const told: BreakerState[] = []
      const breaker = new CircuitBreaker(set, clock, (state) => told.push(state))
      const model = new Model(set)
      for (const each of steps) {
        if (each.kind === 'begin') {
          // As a picker does: nothing begins while it is open, or without a free probe.
          const isFree = model.state === 'closed' || (model.state === 'half-open' && model.free > 0)
          if (model.state === 'half-open') expect(breaker.hasProbe).toBe(model.free > 0)
          if (isFree) model.begin(breaker.begin(), clock.time)
        } else if (each.kind === 'end') {
          const call = model.calls[each.which % Math.max(1, model.calls.length)]
          if (call === undefined) continue
          breaker.end(call.generation, each.ok)
          model.end(call, each.ok, clock.time)
        } else
          for (let ms = 0; ms < each.ms; ms++) {
            clock.advance(1)
            model.passTo(clock.time)
            if (breaker.state !== model.state) break
          }
        expect(breaker.state).toBe(model.state)
        expect(told.at(-1) ?? 'closed').toBe(model.state)
        if (model.state === 'half-open') expect(breaker.hasProbe).toBe(model.free > 0)
        reached.add(`${model.state} ${Math.min(model.opensAgain, 2)}`)
      }
      breaker.close()
      expect(clock.pending).toBe(0)
      for (const call of model.calls) breaker.end(call.generation, false)
      expect(clock.pending).toBe(0)
    }),
    { numRuns: 300 },
  )
  // The steps lead everywhere, or the model would have shown little.
  expect([...reached]).toEqual(expect.arrayContaining(['closed 0', 'open 0', 'half-open 1', 'open 2']))
})
