import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Capabilities } from '@aether/core'
import type { WorkspacePackage } from '../workspace.ts'

/** What the conformance suite leaves of one transport, as `@aether/testing` writes it. */
export interface CapabilityReport {
  readonly name: string
  readonly capabilities: Capabilities
  readonly faults: readonly string[]
  readonly cases: readonly {
    readonly suite: string
    readonly name: string
    readonly outcome: 'passed' | 'failed' | 'undeclared'
    readonly faults: readonly string[]
  }[]
}

export interface TransportReport extends CapabilityReport {
  /** `packages/transport-tcp`. */
  readonly packagePath: string
  /** `packages/transport-tcp/.reports/capabilities-tcp.json`. */
  readonly file: string
}

const prefix = '@aether/transport-'

export function transports(workspace: readonly WorkspacePackage[]): readonly WorkspacePackage[] {
  return workspace.filter((each) => each.name.startsWith(prefix))
}

/** The reports that the last test run of a transport left, by name. */
export function readReports(each: WorkspacePackage): readonly TransportReport[] {
  const folder = join(each.folder, '.reports')
  if (!existsSync(folder)) return []
  const names = readdirSync(folder).filter((name) => /^capabilities-.+\.json$/.test(name))
  const reports = names.map((name) => {
    const report = JSON.parse(readFileSync(join(folder, name), 'utf8')) as CapabilityReport
    // A report that an older suite left names no faults of its cases: it proves none.
    const cases = report.cases.map((each) => ({ ...each, faults: each.faults ?? [] }))
    return { ...report, cases, packagePath: each.path, file: `${each.path}/.reports/${name}` }
  })
  return reports.sort((a, b) => (a.name < b.name ? -1 : 1))
}
