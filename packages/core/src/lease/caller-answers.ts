import type { ErrorShape } from '../errors.ts'
import { say, type LeaseContext } from './lease-context.ts'
import type { Hold } from './open-task.ts'
import type { Signal } from './relay.ts'

/** Answers a worker's signal; peers without an inbox are not answered. */
export function answer(context: LeaseContext, signal: Signal, kind: 'confirm' | 'renewed'): void {
  const { route, tid, workgroup, attempt, from: to, seq } = signal
  if (to === undefined) return
  const from = context.relay.inbox
  if (seq === undefined) say(context, to, { kind, route, tid, workgroup, attempt, from })
  else say(context, to, { kind, route, tid, workgroup, attempt, from, seq })
}

/** Tells the sender of a signal that its lease is gone. */
export function refuse(context: LeaseContext, signal: Signal, error: ErrorShape): void {
  const { route, tid, workgroup, attempt, from } = signal
  if (from === undefined) return
  say(context, from, { kind: 'revoke', route, tid, workgroup, attempt, error })
}

/** Tells the worker that holds a task, if any can be told, to let go of it. */
export function revokeHolder(context: LeaseContext, hold: Hold, error: ErrorShape): void {
  const { open, holder, workgroup, attempt } = hold
  if (!holder) return
  const { route, tid } = open.task
  say(context, holder, { kind: 'revoke', route, tid, workgroup, attempt, error })
}
