import type { Capabilities } from '@aether/core'
import { afterAll, describe, it } from 'vitest'

import { writeCapabilityReport } from './capability-report.ts'
import type { CaseOutcome } from './capability-report.ts'
import type { ConformanceOptions } from './harness.ts'
import { runCase } from './suite/run-case.ts'
import { isApplicable } from './suite/suite-case.ts'
import type { Suite, SuiteCase } from './suite/suite-case.ts'
import { suites } from './suite/suites.ts'

/**
 * Registers the conformance suite with vitest: what the transport declares is run, and what it does not declare must be refused with
 * `ERR_AETHER_CAPABILITY_UNSUPPORTED`. Call it at the top of a test file. What ran is written to `capabilities-<name>.json`.
 *
 * @example
 * testTransport({ name: 'memory', capabilities: memoryCapabilities, create: async () => ({ transport: () => memory(), close: async () => {} }) })
 */
export function testTransport<C extends Capabilities>(options: ConformanceOptions<C>): void {
  const { name, capabilities } = options
  const faults = options.faults ?? []
  const outcomes: CaseOutcome[] = []
  describe(`conformance of ${name}`, () => {
    for (const suite of suites) {
      const applicable = suite.cases.filter((candidate) => isApplicable(candidate, capabilities, faults))
      for (const other of suite.cases.filter((candidate) => !applicable.includes(candidate)))
        outcomes.push(outcomeOf(suite, other, 'undeclared', 0))
      if (applicable.length === 0) continue
      describe(suite.name, () => {
        for (const suiteCase of applicable)
          it(suiteCase.name, { timeout: suiteCase.timeoutMs ?? 20_000 }, async () => {
            const startedAt = performance.now()
            let outcome: CaseOutcome['outcome'] = 'failed'
            try {
              await runCase(suiteCase, options)
              outcome = 'passed'
            } finally {
              const durationMs = Math.round(performance.now() - startedAt)
              outcomes.push(outcomeOf(suite, suiteCase, outcome, durationMs))
            }
          })
      })
    }
    afterAll(() =>
      writeCapabilityReport(
        { name, capabilities, faults, cases: outcomes },
        options.reportFolder ?? '.reports',
      ),
    )
  })
}

function outcomeOf(
  suite: Suite,
  { name, faults = [] }: SuiteCase,
  outcome: CaseOutcome['outcome'],
  durationMs: number,
): CaseOutcome {
  return { suite: suite.name, name, outcome, durationMs, faults }
}
