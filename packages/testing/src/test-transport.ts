import type { Capabilities } from '@aether/core'
import { afterAll, describe, it } from 'vitest'

import { writeCapabilityReport } from './capability-report.ts'
import { CaseLedger } from './case-ledger.ts'
import type { ConformanceOptions } from './harness.ts'
import { runCase } from './suite/run-case.ts'
import { isApplicable } from './suite/suite-case.ts'
import { suites } from './suite/suites.ts'

/**
 * Registers the conformance suite with vitest: what the transport declares is run, and what it does not declare must be refused with
 * `ERR_AETHER_CAPABILITY_UNSUPPORTED`. Call it at the top of a test file. What ran is written to
 * `capabilities-<name>.json`, unless some cases were left out.
 *
 * @example
 * testTransport({ name: 'memory', capabilities: memoryCapabilities, create: async () => ({ transport: () => memory(), close: async () => {} }) })
 */
export function testTransport<C extends Capabilities>(options: ConformanceOptions<C>): void {
  const { name, capabilities } = options
  const faults = options.faults ?? []
  const ledger = new CaseLedger()
  describe(`conformance of ${name}`, () => {
    for (const suite of suites) {
      const applicable = suite.cases.filter((candidate) => isApplicable(candidate, capabilities, faults))
      for (const other of suite.cases.filter((candidate) => !applicable.includes(candidate)))
        ledger.skip(suite, other)
      if (applicable.length === 0) continue
      describe(suite.name, () => {
        for (const suiteCase of applicable) {
          ledger.plan(suiteCase)
          it(suiteCase.name, { timeout: suiteCase.timeoutMs ?? 20_000 }, async ({ signal }) => {
            ledger.begin(suite, suiteCase)
            let outcome: 'passed' | 'failed' = 'failed'
            try {
              await runCase(suiteCase, options)
              // One that comes to its end after its time has failed all the same.
              if (!signal.aborted) outcome = 'passed'
            } finally {
              ledger.end(suiteCase, outcome)
            }
          })
        }
      })
    }
    afterAll(async () => {
      const cases = ledger.close()
      if (cases === undefined) return
      await writeCapabilityReport({ name, capabilities, faults, cases }, options.reportFolder ?? '.reports')
    })
  })
}
