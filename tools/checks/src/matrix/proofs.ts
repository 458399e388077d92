import type { CapabilityReport } from './capability-report.ts'

interface Proof {
  readonly capability: keyof CapabilityReport['capabilities']
  /** Which cases prove it where it is declared. */
  readonly suite: string
  readonly case?: string
  /** Whether the suite also runs where it is not declared, and shows that it is refused. */
  readonly isRefused: boolean
}

/** What stands behind each column of the matrix. */
const proofs: readonly Proof[] = [
  {
    capability: 'durable',
    suite: 'engine faults',
    case: 'a restarted engine still has what it accepted, though its caller is gone',
    isRefused: false,
  },
  { capability: 'groups', suite: 'workgroups', isRefused: true },
  { capability: 'delay', suite: 'delay', isRefused: true },
  { capability: 'priority', suite: 'priority', isRefused: true },
  { capability: 'deadLetter', suite: 'dead letters', isRefused: true },
  { capability: 'results', suite: 'attach and results', isRefused: true },
  { capability: 'ordering', suite: 'ordering', isRefused: false },
  { capability: 'maxPayloadBytes', suite: 'payloads', isRefused: false },
]

/** What a report declares and its run did not show: a case that failed, a capability or fault without a case that passed. */
export function unproven(report: CapabilityReport): readonly string[] {
  const { capabilities, cases, faults } = report
  const failed = cases.filter((each) => each.outcome === 'failed')
  const passed = cases.filter((each) => each.outcome === 'passed')
  const passedIn = (suite: string, name?: string): boolean =>
    passed.some((each) => each.suite === suite && (name === undefined || each.name === name))

  const delivery = capabilities.delivery === 'at-least-once' ? 'leases and fences' : 'send and consume'
  return [
    ...failed.map((each) => `"${each.suite}: ${each.name}" failed`),
    ...(passedIn(delivery)
      ? []
      : [`declares delivery ${capabilities.delivery}, and no case of "${delivery}" passed`]),
    ...proofs.flatMap((proof) => {
      const value = capabilities[proof.capability]
      if (value !== false && !passedIn(proof.suite, proof.case))
        return [`declares ${proof.capability}, and no case of "${proof.case ?? proof.suite}" passed`]
      if (value === false && proof.isRefused && !passedIn(proof.suite))
        return [`declares no ${proof.capability}, and no case shows that it is refused`]
      return []
    }),
    ...faults
      .filter((fault) => !passed.some((each) => each.faults.includes(fault)))
      .map((fault) => `declares the fault ${fault}, and no case with it passed`),
  ]
}
