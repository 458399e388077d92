import { readFile } from 'node:fs/promises'

import { afterAll, expect } from 'vitest'

import type { CapabilityReport } from '../../src/index.ts'

// Registered first, so that it runs last: by then the example has written its report.
afterAll(async () => {
  const report = JSON.parse(await readFile('.reports/capabilities-mine.json', 'utf8')) as CapabilityReport
  const ran = report.cases.filter(({ outcome }) => outcome !== 'undeclared')
  expect(ran.length).toBeGreaterThan(70)
  expect(ran.filter(({ outcome }) => outcome !== 'passed')).toEqual([])
})

// The example is a test file of its own: its cases run here.
await import('../../examples/conformance.ts')
