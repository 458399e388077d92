import type { CaseOutcome } from './capability-report.ts'
import type { Suite, SuiteCase } from './suite/suite-case.ts'

/** What became of each case of one run of the suite. */
export class CaseLedger {
  readonly #now: () => number
  readonly #outcomes = new Map<SuiteCase, CaseOutcome>()
  readonly #waiting = new Set<SuiteCase>()
  readonly #running = new Map<SuiteCase, { readonly suite: Suite; readonly startedAt: number }>()

  constructor(now: () => number = () => performance.now()) {
    this.#now = now
  }

  /** A case that this transport is not asked for. */
  skip(suite: Suite, suiteCase: SuiteCase): void {
    this.#outcomes.set(suiteCase, outcomeOf(suite, suiteCase, 'undeclared', 0))
  }

  /** A case that is to run. */
  plan(suiteCase: SuiteCase): void {
    this.#waiting.add(suiteCase)
  }

  begin(suite: Suite, suiteCase: SuiteCase): void {
    this.#waiting.delete(suiteCase)
    this.#running.set(suiteCase, { suite, startedAt: this.#now() })
  }

  end(suiteCase: SuiteCase, outcome: 'passed' | 'failed'): void {
    const running = this.#running.get(suiteCase)
    if (running === undefined) return
    this.#running.delete(suiteCase)
    const durationMs = Math.round(this.#now() - running.startedAt)
    this.#outcomes.set(suiteCase, outcomeOf(running.suite, suiteCase, outcome, durationMs))
  }

  /**
   * Ends the run: a case that is still running was given up, and failed. Undefined when some never began: who picks cases learns nothing of the transport
   * as a whole.
   */
  close(): readonly CaseOutcome[] | undefined {
    for (const suiteCase of this.#running.keys()) this.end(suiteCase, 'failed')
    return this.#waiting.size === 0 ? [...this.#outcomes.values()] : undefined
  }
}

function outcomeOf(
  suite: Suite,
  { name, faults = [] }: SuiteCase,
  outcome: CaseOutcome['outcome'],
  durationMs: number,
): CaseOutcome {
  return { suite: suite.name, name, outcome, durationMs, faults }
}
