/** One thing that a check objects to. */
export interface Finding {
  /** The rule that is broken, as a short name. */
  readonly rule: string
  /** Where: a path relative to the workspace, with the line where there is one. */
  readonly file: string
  /** What is wrong there, and what would be right. */
  readonly message: string
}

export function formatFinding(finding: Finding): string {
  return `${finding.file}: ${finding.message} [${finding.rule}]`
}
