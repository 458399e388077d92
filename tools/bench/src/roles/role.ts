import type { Contender } from '../contender.ts'

/** What the harness tells a child process to be. */
export interface RoleSpec {
  readonly contender: string
  readonly role: RoleName
  readonly url: string
  /** How many connections (subscribers) or tasks at a time (workers) this process holds. */
  readonly width: number
}

export type RoleName =
  | 'publisher'
  | 'subscriber'
  | 'requester'
  | 'responder'
  | 'performer'
  | 'worker'
  | 'idler'
  | 'stepper'

export interface Round {
  readonly count: number
  /** Payload bytes. */
  readonly size: number
  readonly inFlight: number
  /** Progress updates of each task. */
  readonly steps: number
}

export interface RoundResult {
  /** Replies and messages that were checked byte by byte or field by field. */
  readonly verified: number
  /** Microseconds of each sequential call, where `inFlight` is 1. */
  readonly latenciesUs?: readonly number[]
}

/** One participant of a benchmark in a process of its own. `round` arms it synchronously and resolves when its part of the round is over. */
export interface Role {
  round(round: Round): Promise<RoundResult>
  close(): Promise<void>
}

export type RoleFactory = (contender: Contender, spec: RoleSpec) => Promise<Role>

/** The adapter of a class that this contender must have. */
export function adapter<K extends 'pubsub' | 'rpc' | 'tasks' | 'idle' | 'steps'>(
  contender: Contender,
  kind: K,
): NonNullable<Contender[K]> {
  const found = contender[kind]
  if (found === undefined) throw new Error(`contender ${contender.name} has no ${kind} adapter`)
  return found
}

export const passive: Pick<Role, 'round'> = { round: async () => ({ verified: 0 }) }
