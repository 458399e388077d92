import type {
  DeadLetter,
  Effects,
  EngineReason,
  Lease,
  Outcome,
  RevokeReason,
  Settlement,
} from '@aether/engine'
import {
  encodeCompleteBlock,
  Outcome as OutcomeCode,
  Reason,
  RevokeReason as RevokeCode,
  writeComplete,
  writeDeliver,
  writePing,
  writeRevoke,
} from '@aether/wire'
import type { Connection } from '../connection/connection.ts'
import type { BrokerLogger } from '../options.ts'
import type { TaskEvents } from './task-events.ts'
import type { Watcher } from './task-state.ts'

const outcomeCodes: Readonly<Record<Outcome, number>> = OutcomeCode
const reasonCodes: Readonly<Record<EngineReason, number>> = {
  cancelled: Reason.cancelled,
  'queue-ttl': Reason.queueTtl,
  deadline: Reason.deadline,
  'attempts-exhausted': Reason.attemptsExhausted,
}
const revokeCodes: Readonly<Record<RevokeReason, number>> = {
  'lease-lost': RevokeCode.leaseLost,
  cancelled: RevokeCode.cancelled,
  deadline: RevokeCode.deadline,
}
const empty = new Uint8Array(0)
/** Of a COMPLETE, its type included. */
const FIELDS_BYTES = 11

/** Turns what the engine decides into frames. */
export class TaskEffects implements Effects<Uint8Array, Uint8Array, Watcher, Connection> {
  readonly #events: TaskEvents
  readonly #logger: BrokerLogger
  #expected: number | undefined

  constructor(events: TaskEvents, logger: BrokerLogger) {
    this.#events = events
    this.#logger = logger
  }

  /** The client's number of the consumer that the engine is making, or undefined when it is made. */
  expect(consumer: number | undefined): void {
    this.#expected = consumer
  }

  deliver(lease: Lease<Uint8Array, Connection>): void {
    const { owner } = lease
    const state = owner.tasks
    if (state === undefined || owner.ended) return
    const consumer = state.clientNumbers.get(lease.consumer) ?? this.#expected ?? 0
    const routeId = state.routeId(lease.route, owner)
    const remainingMs = Math.ceil(lease.remainingMs)
    writeDeliver(owner.out, consumer, lease.id, lease.attempt, remainingMs, routeId, lease.body)
    owner.touch()
  }

  revoke(lease: Lease<Uint8Array, Connection>, reason: RevokeReason, cancelReason: string | undefined): void {
    const { owner } = lease
    if (owner.ended) return
    writeRevoke(owner.out, lease.id, revokeCodes[reason], cancelReason ?? '')
    if (reason === 'lease-lost' && !owner.doubted) {
      // Is it frozen, or only this task? Whatever it says next is the answer.
      owner.doubted = true
      writePing(owner.out, 0)
    }
    owner.touch()
  }

  settled(watcher: Watcher, settlement: Settlement<Uint8Array>): void {
    const { connection } = watcher
    if (connection.tasks?.watchers.delete(watcher) !== true) return
    const { outcome, reason, attempt } = settlement
    const code = reason === undefined ? Reason.worker : reasonCodes[reason]
    const block = blockOf(settlement)
    if (block.length + FIELDS_BYTES <= connection.maxFrameBytes)
      writeComplete(connection.out, watcher.id, outcomeCodes[outcome], code, attempt, block)
    else
      writeComplete(connection.out, watcher.id, OutcomeCode.failed, code, attempt, tooLong(settlement, block))
    connection.touch()
  }

  completed(route: string, _workgroup: string, settlement: Settlement<Uint8Array>): void {
    if (this.#events.wants(route, 'complete')) this.#events.complete(settlement, blockOf(settlement))
  }

  deadLettered(letter: DeadLetter<Uint8Array>): void {
    const { tid, route, workgroup, attempts, reason } = letter
    this.#logger.warn('a task became a dead letter', { tid, route, workgroup, attempts, reason })
  }
}

/** The worker's word; else what its last failed attempt said; else the broker's own, with the workgroup and the reason of a cancel. */
function blockOf(settlement: Settlement<Uint8Array>): Uint8Array {
  const { result, lastError, cancelReason, workgroup } = settlement
  if (result !== undefined) return result
  if (settlement.reason === 'attempts-exhausted' && lastError instanceof Uint8Array) return lastError
  const headers =
    cancelReason === undefined || cancelReason === '' ? { w: workgroup } : { w: workgroup, m: cancelReason }
  return encodeCompleteBlock({ codec: 0, headers, body: empty })
}

/** A result longer than its caller accepts would end the caller's connection; it is told why it does not get it. */
function tooLong(settlement: Settlement<Uint8Array>, block: Uint8Array): Uint8Array {
  const m = `The task ended as ${settlement.outcome}, with a result of ${block.length} bytes, which is longer than this client accepts: raise its maxFrameBytes (maxPayloadBytes of the TCP transport).`
  const headers = { w: settlement.workgroup, e: 'ERR_AETHER_PAYLOAD_TOO_LARGE', m }
  return encodeCompleteBlock({ codec: 0, headers, body: empty })
}
