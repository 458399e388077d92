import { invalidFrame } from '../errors.ts'
import type { FrameCursor } from './frame-cursor.ts'
import type { FrameWriter } from './frame-writer.ts'
import { FrameType } from '../protocol.ts'
import {
  CompleteBlock,
  type CompleteFields,
  completeBlockRoom,
  endCompleteBlock,
  endStatusBlock,
  endTaskBlock,
  readCompleteBlock,
  readStatusBlock,
  readTaskBlock,
  StatusBlock,
  type StatusFields,
  statusBlockRoom,
  TaskBlock,
  taskBlockRoom,
  type TaskFields,
} from './task-blocks.ts'

export interface RouteFrame {
  readonly routeId: number
  readonly route: string
}

export function writeRoute(writer: FrameWriter, routeId: number, route: string): void {
  writer.begin(FrameType.ROUTE, 6 + 3 * route.length)
  writer.u32(routeId)
  writer.str16(route)
  writer.end()
}

export function readRoute(cursor: FrameCursor): RouteFrame {
  const routeId = cursor.u32()
  const route = cursor.str16()
  cursor.finish()
  return { routeId, route }
}

/** `correlation` 0: the sender does not watch this task. `deadlineMs` 0: none. */
export function writeSend(
  writer: FrameWriter,
  routeId: number,
  correlation: number,
  deadlineMs: number,
  task: TaskFields,
): void {
  writer.begin(FrameType.SEND, 12 + taskBlockRoom(task))
  writer.u32(routeId)
  writer.u32(correlation)
  writer.u32(deadlineMs)
  endTaskBlock(writer, task)
}

/** Fields of a SEND, filled again and again by `readSend`. */
export class SendFrame extends TaskBlock {
  routeId = 0
  correlation = 0
  deadlineMs = 0
}

export function readSend(cursor: FrameCursor, out: SendFrame): void {
  out.routeId = cursor.u32()
  out.correlation = cursor.u32()
  out.deadlineMs = cursor.u32()
  readTaskBlock(cursor, out)
}

/** `block` is the task block of the SEND, byte for byte. */
export function writeDeliver(
  writer: FrameWriter,
  consumer: number,
  lease: number,
  attempt: number,
  remainingMs: number,
  routeId: number,
  block: Uint8Array,
): void {
  writer.begin(FrameType.DELIVER, 24)
  writer.u32(consumer)
  writer.u64(lease)
  writer.u32(attempt)
  writer.u32(remainingMs)
  writer.u32(routeId)
  writer.end(block)
}

/** Fields of a DELIVER, filled again and again by `readDeliver`. */
export class DeliverFrame extends TaskBlock {
  consumer = 0
  lease = 0
  attempt = 0
  remainingMs = 0
  routeId = 0
}

export function readDeliver(cursor: FrameCursor, out: DeliverFrame): void {
  out.consumer = cursor.u32()
  out.lease = cursor.u64()
  out.attempt = cursor.u32()
  out.remainingMs = cursor.u32()
  out.routeId = cursor.u32()
  readTaskBlock(cursor, out)
}

export interface ConsumeFrame {
  readonly consumer: number
  /** `union/job/task/context`, any level of which may be `+`. */
  readonly filter: string
  readonly workgroup: string
  readonly credit: number
  readonly leaseMs: number
  /** 0: none. */
  readonly pool: number
  readonly poolCredit: number
}

export function writeConsume(writer: FrameWriter, consume: ConsumeFrame): void {
  writer.begin(FrameType.CONSUME, 23 + 3 * (consume.filter.length + consume.workgroup.length))
  writer.u32(consume.consumer)
  writer.str16(consume.filter)
  writer.str8(consume.workgroup)
  writer.u32(consume.credit)
  writer.u32(consume.leaseMs)
  writer.u32(consume.pool)
  writer.u32(consume.poolCredit)
  writer.end()
}

export function readConsume(cursor: FrameCursor): ConsumeFrame {
  const consumer = cursor.u32()
  const filter = cursor.str16()
  const workgroup = cursor.str8()
  const credit = cursor.u32()
  const leaseMs = cursor.u32()
  const pool = cursor.u32()
  const poolCredit = cursor.u32()
  cursor.finish()
  if (credit === 0 || leaseMs === 0 || workgroup === '')
    throw invalidFrame('CONSUME without credit, lease or workgroup.')
  if (pool !== 0 && poolCredit === 0) throw invalidFrame('CONSUME with a pool without credit.')
  return { consumer, filter, workgroup, credit, leaseMs, pool, poolCredit }
}

export function writeConsumeStop(writer: FrameWriter, consumer: number): void {
  writer.begin(FrameType.CONSUME_STOP, 4)
  writer.u32(consumer)
  writer.end()
}

/** The consumer of CONSUME_STOP, the correlation of DETACH. */
export function readId(cursor: FrameCursor): number {
  const id = cursor.u32()
  cursor.finish()
  return id
}

export function writeRenew(writer: FrameWriter, lease: number): void {
  writer.begin(FrameType.RENEW, 8)
  writer.u64(lease)
  writer.end()
}

export function readRenew(cursor: FrameCursor): number {
  const lease = cursor.u64()
  cursor.finish()
  return lease
}

export function writeReport(writer: FrameWriter, lease: number, status: StatusFields): void {
  writer.begin(FrameType.REPORT, 8 + statusBlockRoom(status))
  writer.u64(lease)
  endStatusBlock(writer, status)
}

/** Fields of a REPORT, filled again and again by `readReport`. */
export class ReportFrame extends StatusBlock {
  lease = 0
}

export function readReport(cursor: FrameCursor, out: ReportFrame): void {
  out.lease = cursor.u64()
  readStatusBlock(cursor, out)
}

/** `block` is the status block of the REPORT, byte for byte. */
export function writeStatus(
  writer: FrameWriter,
  correlation: number,
  attempt: number,
  block: Uint8Array,
): void {
  writer.begin(FrameType.STATUS, 8)
  writer.u32(correlation)
  writer.u32(attempt)
  writer.end(block)
}

/** Fields of a STATUS, filled again and again by `readStatus`. */
export class StatusFrame extends StatusBlock {
  correlation = 0
  attempt = 0
}

export function readStatus(cursor: FrameCursor, out: StatusFrame): void {
  out.correlation = cursor.u32()
  out.attempt = cursor.u32()
  readStatusBlock(cursor, out)
}

export function writeAck(
  writer: FrameWriter,
  lease: number,
  outcome: number,
  deadLetter: boolean,
  complete: CompleteFields,
): void {
  writer.begin(FrameType.ACK, 10 + completeBlockRoom(complete))
  writer.u64(lease)
  writer.u8(outcome)
  writer.u8(deadLetter ? 1 : 0)
  endCompleteBlock(writer, complete)
}

/** Fields of an ACK, filled again and again by `readAck`. */
export class AckFrame extends CompleteBlock {
  lease = 0
  outcome = 0
  deadLetter = false
}

export function readAck(cursor: FrameCursor, out: AckFrame): void {
  out.lease = cursor.u64()
  out.outcome = readOutcome(cursor)
  out.deadLetter = (cursor.u8() & 1) === 1
  readCompleteBlock(cursor, out)
}

/** `block` is the complete block of the ACK, byte for byte, or one that the broker made with `encodeCompleteBlock`. */
export function writeComplete(
  writer: FrameWriter,
  correlation: number,
  outcome: number,
  reason: number,
  attempt: number,
  block: Uint8Array,
): void {
  writer.begin(FrameType.COMPLETE, 10)
  writer.u32(correlation)
  writer.u8(outcome)
  writer.u8(reason)
  writer.u32(attempt)
  writer.end(block)
}

/** Fields of a COMPLETE, filled again and again by `readComplete`. */
export class CompleteFrame extends CompleteBlock {
  correlation = 0
  outcome = 0
  reason = 0
  attempt = 0
}

export function readComplete(cursor: FrameCursor, out: CompleteFrame): void {
  out.correlation = cursor.u32()
  out.outcome = readOutcome(cursor)
  out.reason = cursor.u8()
  if (out.reason > 4) throw invalidFrame(`Reason ${out.reason} is unknown.`)
  out.attempt = cursor.u32()
  readCompleteBlock(cursor, out)
}

export function writeRelease(
  writer: FrameWriter,
  lease: number,
  delayMs: number,
  failed: boolean,
  complete: CompleteFields,
): void {
  writer.begin(FrameType.RELEASE, 13 + completeBlockRoom(complete))
  writer.u64(lease)
  writer.u32(delayMs)
  writer.u8(failed ? 1 : 0)
  endCompleteBlock(writer, complete)
}

/** Fields of a RELEASE, filled again and again by `readRelease`. */
export class ReleaseFrame extends CompleteBlock {
  lease = 0
  delayMs = 0
  failed = false
}

export function readRelease(cursor: FrameCursor, out: ReleaseFrame): void {
  out.lease = cursor.u64()
  out.delayMs = cursor.u32()
  out.failed = (cursor.u8() & 1) === 1
  readCompleteBlock(cursor, out)
}

export interface RevokeFrame {
  readonly lease: number
  /** See `RevokeReason`. */
  readonly reason: number
  readonly text: string
}

export function writeRevoke(writer: FrameWriter, lease: number, reason: number, text: string): void {
  writer.begin(FrameType.REVOKE, 11 + 3 * text.length)
  writer.u64(lease)
  writer.u8(reason)
  writer.str16(text)
  writer.end()
}

export function readRevoke(cursor: FrameCursor): RevokeFrame {
  const lease = cursor.u64()
  const reason = cursor.u8()
  if (reason < 1 || reason > 3) throw invalidFrame(`Revocation for reason ${reason} is unknown.`)
  const text = cursor.str16()
  cursor.finish()
  return { lease, reason, text }
}

export interface CancelFrame {
  readonly routeId: number
  readonly tid: string
  readonly reason: string
}

export function writeCancel(writer: FrameWriter, routeId: number, tid: string, reason: string): void {
  writer.begin(FrameType.CANCEL, 7 + 3 * (tid.length + reason.length))
  writer.u32(routeId)
  writer.str8(tid)
  writer.str16(reason)
  writer.end()
}

export function readCancel(cursor: FrameCursor): CancelFrame {
  const routeId = cursor.u32()
  const tid = cursor.str8()
  const reason = cursor.str16()
  cursor.finish()
  return { routeId, tid, reason }
}

export interface AttachFrame {
  readonly routeId: number
  readonly correlation: number
  readonly tid: string
}

export function writeAttach(writer: FrameWriter, routeId: number, correlation: number, tid: string): void {
  writer.begin(FrameType.ATTACH, 9 + 3 * tid.length)
  writer.u32(routeId)
  writer.u32(correlation)
  writer.str8(tid)
  writer.end()
}

export function readAttach(cursor: FrameCursor): AttachFrame {
  const routeId = cursor.u32()
  const correlation = cursor.u32()
  const tid = cursor.str8()
  cursor.finish()
  return { routeId, correlation, tid }
}

export function writeDetach(writer: FrameWriter, correlation: number): void {
  writer.begin(FrameType.DETACH, 4)
  writer.u32(correlation)
  writer.end()
}

function readOutcome(cursor: FrameCursor): number {
  const outcome = cursor.u8()
  if (outcome > 3) throw invalidFrame(`Outcome ${outcome} is unknown.`)
  return outcome
}
