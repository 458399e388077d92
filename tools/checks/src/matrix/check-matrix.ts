import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Finding } from '../finding.ts'
import { readWorkspace } from '../workspace.ts'
import { readReports, type TransportReport, transports } from './capability-report.ts'
import { unproven } from './proofs.ts'
import { renderMatrix } from './render-matrix.ts'

const opening = '<!-- Written by `pnpm matrix` from what the conformance suite ran. -->'
const closing = '<!-- end of what `pnpm matrix` writes -->'
const rule = 'matrix'
const readme = 'README.md'

interface MatrixOptions {
  /** Write the table instead of comparing with it. */
  readonly update: boolean
}

/** Holds the table of transports in the root README against the reports of the last test run. */
export function checkMatrix(root: string, { update }: MatrixOptions): readonly Finding[] {
  const found = transports(readWorkspace(root)).map((each) => ({ each, reports: readReports(each) }))
  const reports: readonly TransportReport[] = found.flatMap((one) => one.reports)
  const findings: Finding[] = [
    ...found
      .filter((one) => one.reports.length === 0)
      .map(({ each }) => ({
        rule,
        file: each.path,
        message: `no report of the conformance suite: its tests leave one (\`npx vitest run\` there)`,
      })),
    ...reports.flatMap((report) =>
      unproven(report).map((message) => ({ rule, file: report.file, message: `${report.name} ${message}` })),
    ),
  ]
  // A table of half of the transports, or with a promise that nothing stands behind, is not written.
  if (findings.length > 0) return findings
  const path = join(root, readme)
  const text = readFileSync(path, 'utf8')
  const [start, end] = [text.indexOf(opening), text.indexOf(closing)]
  if (start < 0 || end < start)
    return [{ rule, file: readme, message: `has no place for the table: "${opening}" … "${closing}"` }]
  const wanted = `${text.slice(0, start)}${opening}\n\n${renderMatrix(reports)}\n\n${text.slice(end)}`
  if (wanted === text) return []
  if (update) writeFileSync(path, wanted)
  else
    findings.push({
      rule,
      file: readme,
      message:
        'the table of transports is not what this run shows: `pnpm matrix` writes it anew; read the difference',
    })
  return findings
}
