import { describe, expect, it } from 'vitest'

import { CaseLedger } from '../src/case-ledger.ts'
import type { Suite, SuiteCase } from '../src/suite/suite-case.ts'

const suiteCase = (name: string, faults: SuiteCase['faults'] = []): SuiteCase => ({
  name,
  faults,
  run: async () => undefined,
})

describe('CaseLedger', () => {
  const first = suiteCase('first', ['link'])
  const second = suiteCase('second')
  const suite: Suite = { name: 'delay', cases: [first, second] }

  it('says what became of each case, how long it took and which faults it injects', () => {
    let now = 0
    const ledger = new CaseLedger(() => now)
    ledger.skip(suite, second)
    ledger.plan(first)
    ledger.begin(suite, first)
    now = 7
    ledger.end(first, 'passed')
    expect(ledger.close()).toEqual([
      { suite: 'delay', name: 'second', outcome: 'undeclared', durationMs: 0, faults: [] },
      { suite: 'delay', name: 'first', outcome: 'passed', durationMs: 7, faults: ['link'] },
    ])
  })

  it('counts a case as failed that was given up while it ran, whatever it says later', () => {
    let now = 0
    const ledger = new CaseLedger(() => now)
    ledger.plan(first)
    ledger.begin(suite, first)
    now = 20_000
    const outcomes = ledger.close()
    ledger.end(first, 'passed')
    expect(outcomes).toMatchObject([{ name: 'first', outcome: 'failed', durationMs: 20_000 }])
  })

  it('counts a case that is tried again once, as it ended', () => {
    const ledger = new CaseLedger()
    ledger.plan(first)
    for (const outcome of ['failed', 'passed'] as const) {
      ledger.begin(suite, first)
      ledger.end(first, outcome)
    }
    expect(ledger.close()).toMatchObject([{ outcome: 'passed' }])
  })

  it('has nothing to say of a run that left cases out', () => {
    const ledger = new CaseLedger()
    ledger.plan(first)
    ledger.plan(second)
    ledger.begin(suite, first)
    ledger.end(first, 'passed')
    expect(ledger.close()).toBeUndefined()
  })
})
