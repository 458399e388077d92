import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'

import { describe, expect, it } from 'vitest'

import { writeCapabilityReport } from '../src/index.ts'
import { everythingDeclared } from './support/reference-environment.ts'

describe('writeCapabilityReport', () => {
  it('writes what ran, into a folder that need not exist', async () => {
    const root = await mkdtemp(path.join(tmpdir(), 'aether-report-'))
    try {
      const report = {
        name: 'mine',
        capabilities: everythingDeclared,
        faults: ['link'],
        cases: [{ suite: 'delay', name: 'waits', outcome: 'passed', durationMs: 3, faults: [] }],
      } as const
      const file = await writeCapabilityReport(report, path.join(root, 'deep', 'er'))
      expect(path.basename(file)).toBe('capabilities-mine.json')
      expect(JSON.parse(await readFile(file, 'utf8'))).toEqual(report)
    } finally {
      await rm(root, { recursive: true })
    }
  })
})
