import { hrtime } from 'node:process'

import type { ErrorCode, TerminalStatus } from '@aether/core'

/**
 * What was seen, as plain JSON, so that it can cross from a worker's process. `at` is the machine's monotonic clock in milliseconds, which every
 * process of one machine shares: see `monotonicNow`.
 */
interface EntryBase {
  readonly at: number
  /** Who saw it: the name of a client or worker. */
  readonly by: string
}

/** The caller asked for a task. */
export interface InvokedEntry extends EntryBase {
  readonly kind: 'invoked'
  readonly tid: string
  readonly workgroup: string
}

/** The engine took it (`accepted`), or refused it: then nothing is owed. `unknown`: the caller cannot tell which. */
export interface AnsweredEntry extends EntryBase {
  readonly kind: 'answered'
  readonly tid: string
  readonly answer: 'accepted' | 'refused' | 'unknown'
  readonly code?: ErrorCode
}

/** The caller saw a terminal event of its task. */
export interface TerminalEntry extends EntryBase {
  readonly kind: 'terminal'
  readonly tid: string
  readonly workgroup: string
  readonly status: TerminalStatus
  readonly attempt: number
  /** The worker whose word it is; absent where the engine ended it. */
  readonly worker?: string
}

/** A worker was handed a task. */
export interface DeliveredEntry extends EntryBase {
  readonly kind: 'delivered'
  readonly tid: string
  readonly workgroup: string
  readonly attempt: number
  readonly leaseMs: number
}

/** A worker used its lease. `invokedAt` is when it asked; `at` when it had the answer. */
export interface LeaseEntry extends EntryBase {
  readonly kind: 'renew' | 'report' | 'ack' | 'release'
  readonly tid: string
  readonly workgroup: string
  readonly attempt: number
  readonly invokedAt: number
  /** Whether the engine accepted it; `unknown` where the connection was lost on the way. */
  readonly answer: 'accepted' | 'refused' | 'unknown'
}

/** A worker was told that its lease had ended. */
export interface RevokedEntry extends EntryBase {
  readonly kind: 'revoked'
  readonly tid: string
  readonly workgroup: string
  readonly attempt: number
  readonly code: ErrorCode
}

/** A handler of the application began or ended its work on one attempt. */
export interface HandlerEntry extends EntryBase {
  readonly kind: 'handler-started' | 'handler-ended'
  readonly tid: string
  readonly workgroup: string
  readonly attempt: number
}

/** A nemesis acted. */
export interface FaultEntry extends EntryBase {
  readonly kind: 'fault'
  readonly fault: string
  readonly target: string
}

/** Something countable at one moment: deliveries of one marker after a reconnection, entries of a map, a queue's length. */
export interface GaugeEntry extends EntryBase {
  readonly kind: 'gauge'
  readonly gauge: 'subscription' | 'size'
  readonly name: string
  readonly value: number
  /** For `size`: the most it may be. For `subscription`: exactly what it must be. */
  readonly limit: number
}

/** The caller's own count of what became of its tasks. */
export interface LedgerEntry extends EntryBase {
  readonly kind: 'ledger'
  readonly performed: number
  readonly succeeded: number
  readonly failed: number
  readonly cancelled: number
  readonly expired: number
  readonly open: number
}

export type RecordEntry =
  | InvokedEntry
  | AnsweredEntry
  | TerminalEntry
  | DeliveredEntry
  | LeaseEntry
  | RevokedEntry
  | HandlerEntry
  | FaultEntry
  | GaugeEntry
  | LedgerEntry

/** The machine's monotonic clock in milliseconds, the same in every process of one machine. */
export function monotonicNow(): number {
  return Number(hrtime.bigint()) / 1e6
}
