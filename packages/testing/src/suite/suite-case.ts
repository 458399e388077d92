import type { Capabilities, Transport } from '@aether/core'

import type { Environment, EnvironmentOptions, Fault, TransportOverrides } from '../harness.ts'
import type { Recorder } from '../history/recorder.ts'
import type { SeededRandom } from '../seeded-random.ts'
import type { Peer, PeerOptions } from './peer.ts'

/** What a case works with: one environment of its own, opened when first used and closed after the case. */
export interface CaseContext {
  readonly capabilities: Capabilities
  readonly faults: readonly Fault[]
  /** Unique per case, so that no two share a queue. */
  readonly union: string
  readonly random: SeededRandom
  /** What was seen so far: every peer and worker of the case writes into it. */
  readonly recorder: Recorder
  /** The case's environment; `options` count in the first call only. */
  environment(options?: EnvironmentOptions): Promise<Environment>
  /** A transport that is not started; closed after the case. */
  transport(overrides?: TransportOverrides): Promise<Transport>
  /** A started transport with an inbox; closed after the case. */
  peer(options?: PeerOptions): Promise<Peer>
  /** Runs after the case, last first, whether it passed or not. */
  defer(cleanup: () => Promise<void> | void): void
}

/** What must be declared for a case to run. */
export type Requirement = (capabilities: Capabilities) => boolean

export interface SuiteCase {
  readonly name: string
  /** The case runs only where this holds. @default always */
  readonly requires?: Requirement
  /** The case runs only where these are declared. @default [] */
  readonly faults?: readonly Fault[]
  /** @default 20_000 */
  readonly timeoutMs?: number
  run(context: CaseContext): Promise<void>
}

/** The cases of one capability: one file each. */
export interface Suite {
  /** The line of the capability matrix. */
  readonly name: string
  readonly cases: readonly SuiteCase[]
}

/** Whether what a case needs is declared. */
export function isApplicable(
  suiteCase: SuiteCase,
  capabilities: Capabilities,
  faults: readonly Fault[],
): boolean {
  const isDeclared = suiteCase.requires?.(capabilities) ?? true
  return isDeclared && (suiteCase.faults ?? []).every((fault) => faults.includes(fault))
}

/** Requirement of the cases that speak of leases: what was lost is delivered again, by the engine or by the lease layer. */
export const redelivers: Requirement = ({ delivery }) => delivery === 'at-least-once'

/** Requirement of the cases in which one queue serves all callers: with the lease layer each caller is the queue of its own tasks. */
export const sharedQueue: Requirement = (capabilities) =>
  redelivers(capabilities) && capabilities.redelivery === 'native'
