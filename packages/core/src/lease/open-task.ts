import type { Timer } from '../clock.ts'
import type { ErrorShape } from '../errors.ts'
import type { CompleteEvent, TaskMessage } from '../transport.ts'
import type { Linked } from '../table/linked-list.ts'
import type { TidEntry } from '../table/tid-table.ts'
import type { OfferWindow } from './offer-window.ts'

/**
 * Where a task stands in one workgroup.
 * `waiting`: not offered now (delay, backoff, or a full window); `offered`: out, nobody answered; `held`: a worker keeps it behind others;
 * `running`: a worker works on it; `ended`: over.
 */
export type HoldStatus = 'waiting' | 'offered' | 'held' | 'running' | 'ended'

/** One task in one workgroup, as its caller sees it. */
export interface Hold extends Linked<Hold> {
  readonly open: OpenTask
  readonly workgroup: string
  readonly isNamed: boolean
  status: HoldStatus
  /** The fence. */
  attempt: number
  /** The last attempt that a worker began; 0 when none ever did. */
  begun: number
  /** Attempts that failed or lost their lease. */
  failures: number
  /** Offers of this attempt. */
  sends: number
  /** Offers of all attempts. */
  offers: number
  /** Answers `busy` since a worker last took it. */
  refusals: number
  offeredAt: number
  /** When the last offer was out; Infinity: it is not yet. */
  sentAt: number
  /** The engine knew that nobody was subscribed when it was last offered. */
  foundNobody: boolean
  /** Highest `seq` of the statuses of this attempt. */
  seq: number
  /** The number of the last status that the caller was told; the same, unless a peer that counts nothing spoke. */
  told: number
  /** Inbox of the worker; empty for a peer that knows none. */
  holder: string | undefined
  leaseMs: number
  timer: Timer | undefined
  window: OfferWindow<Hold> | undefined
  /** The worker's last word that was accepted, so that its repetition is confirmed again. */
  accepted: Acceptance | undefined
  lastError: ErrorShape | undefined
}

export interface Acceptance {
  /** Of two words under one attempt only the accepted one is confirmed again. */
  readonly kind: 'complete' | 'release'
  readonly attempt: number
  readonly from: string | undefined
}

/** A task that this instance sent. It stays until every workgroup that took it is done with it. */
export interface OpenTask extends TidEntry<OpenTask> {
  readonly task: TaskMessage
  readonly named: Hold
  /** One for each workgroup that took it; the named one comes first. */
  readonly holds: Hold[]
  /** Inboxes of instances that follow it; made when the first one comes. */
  watchers: Set<string> | undefined
  deadlineTimer: Timer | undefined
  ttlTimer: Timer | undefined
  lingerTimer: Timer | undefined
  /** Set once it is decided that it ends as cancelled. */
  cancelReason: string | undefined
}

/** How a task ended, for those who ask later. */
export interface Result {
  readonly complete: CompleteEvent
  readonly accepted: Acceptance | undefined
}

export interface LeaseDeadLetter {
  readonly task: TaskMessage
  readonly workgroup: string
  readonly attempts: number
  readonly reason: 'attempts-exhausted' | 'rejected'
  readonly error: ErrorShape | undefined
  /** Epoch milliseconds. */
  readonly at: number
}

export function newHold(open: OpenTask, workgroup: string, isNamed: boolean): Hold {
  return {
    open,
    workgroup,
    isNamed,
    status: 'waiting',
    attempt: 1,
    begun: 0,
    failures: 0,
    sends: 0,
    offers: 0,
    refusals: 0,
    offeredAt: 0,
    sentAt: 0,
    foundNobody: false,
    seq: 0,
    told: 0,
    holder: undefined,
    leaseMs: 0,
    timer: undefined,
    window: undefined,
    accepted: undefined,
    lastError: undefined,
    list: undefined,
    older: undefined,
    newer: undefined,
  }
}

export function newOpenTask(key: string, task: TaskMessage): OpenTask {
  const holds: Hold[] = []
  const open = {
    key,
    task,
    holds,
    watchers: undefined,
    deadlineTimer: undefined,
    ttlTimer: undefined,
    lingerTimer: undefined,
    cancelReason: undefined,
    tableHash: 0,
    tableNext: undefined,
    named: undefined,
  } as unknown as OpenTask
  const named = newHold(open, task.workgroup, true)
  ;(open as { named: Hold }).named = named
  holds.push(named)
  return open
}

/** A tid is unique within its union. */
export function taskKey(union: string, tid: string): string {
  return `${union}/${tid}`
}
