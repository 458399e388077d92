import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'

import type { Capabilities } from '@aether/core'

import type { Fault } from './harness.ts'

export interface CaseOutcome {
  readonly suite: string
  readonly name: string
  /** `undeclared`: it asks for a capability or fault that is not declared, so it did not run. */
  readonly outcome: 'passed' | 'failed' | 'undeclared'
  readonly durationMs: number
  /** The faults that it injects. */
  readonly faults: readonly Fault[]
}

/** What a capability matrix is made from: written by `testTransport`, one file a transport. */
export interface CapabilityReport {
  readonly name: string
  readonly capabilities: Capabilities
  readonly faults: readonly Fault[]
  readonly cases: readonly CaseOutcome[]
}

/** Writes `capabilities-<name>.json` into `folder`, made where it is missing; returns its path. */
export async function writeCapabilityReport(report: CapabilityReport, folder: string): Promise<string> {
  await mkdir(folder, { recursive: true })
  const file = path.join(folder, `capabilities-${report.name}.json`)
  await writeFile(file, `${JSON.stringify(report, undefined, 2)}\n`)
  return file
}
