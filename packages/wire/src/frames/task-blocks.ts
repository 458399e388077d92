import { invalidFrame } from '../errors.ts'
import { FrameCursor } from './frame-cursor.ts'
import type { FrameWriter } from './frame-writer.ts'
import { encodeHeaders, type HeadersInput, headersRoom, writeHeaders } from './headers.ts'
import { TextMemo } from './text.ts'

/** What a task block is made of. Times are milliseconds from now; 0 means none. */
export interface TaskFields {
  readonly tid: string
  /** Whose completion answers the sender. */
  readonly workgroup: string
  readonly waitForWorkers: boolean
  readonly priority: number
  readonly attempts: number
  readonly ttlMs: number
  readonly delayMs: number
  /** See `Codec`. */
  readonly codec: number
  readonly headers: HeadersInput
  readonly body: Uint8Array
}

export interface StatusFields {
  /** 0 initialized, 1 progress. */
  readonly status: number
  /** 0 to 100, a whole number. */
  readonly progress: number
  readonly seq: number
  readonly codec: number
  readonly headers: HeadersInput
  readonly body: Uint8Array
}

export interface CompleteFields {
  readonly codec: number
  readonly headers: HeadersInput
  readonly body: Uint8Array
}

/** A task block as it was read; filled again and again. Offsets count in the bytes of the cursor. */
export class TaskBlock {
  waitForWorkers = false
  priority = 0
  attempts = 0
  ttlMs = 0
  delayMs = 0
  tid = ''
  workgroup = ''
  codec = 0
  /** The whole block, which a broker keeps and writes into DELIVER as it is. */
  blockAt = 0
  /** The encoded pairs of the headers, without their length. */
  headersAt = 0
  headersEnd = 0
  bodyAt = 0
  end = 0
  readonly memo: TextMemo = new TextMemo()
}

/** A status block as it was read. */
export class StatusBlock {
  status = 0
  progress = 0
  seq = 0
  codec = 0
  blockAt = 0
  headersAt = 0
  headersEnd = 0
  bodyAt = 0
  end = 0
}

/** A complete block as it was read. */
export class CompleteBlock {
  codec = 0
  blockAt = 0
  headersAt = 0
  headersEnd = 0
  bodyAt = 0
  end = 0
}

export function taskBlockRoom(task: TaskFields): number {
  return 15 + 3 * (task.tid.length + task.workgroup.length) + headersRoom(task.headers)
}

/** Writes the block and ends the frame. */
export function endTaskBlock(writer: FrameWriter, task: TaskFields): void {
  writer.u8(task.waitForWorkers ? 1 : 0)
  writer.u8(task.priority)
  writer.u16(task.attempts)
  writer.u32(task.ttlMs)
  writer.u32(task.delayMs)
  writer.str8(task.tid)
  writer.str8(task.workgroup)
  writer.u8(task.codec)
  writeHeaders(writer, task.headers)
  writer.end(task.body)
}

export function readTaskBlock(cursor: FrameCursor, out: TaskBlock): void {
  out.blockAt = cursor.position
  out.waitForWorkers = (cursor.u8() & 1) === 1
  out.priority = cursor.u8()
  out.attempts = cursor.u16()
  out.ttlMs = cursor.u32()
  out.delayMs = cursor.u32()
  out.tid = cursor.str8()
  out.workgroup = cursor.memo8(out.memo)
  if (out.priority > 9) throw invalidFrame(`Priority ${out.priority}: 0 to 9 are known.`)
  if (out.attempts === 0) throw invalidFrame('A task without attempts.')
  if (out.tid === '' || out.workgroup === '') throw invalidFrame('A task without a tid or a workgroup.')
  readTail(cursor, out)
}

export function endStatusBlock(writer: FrameWriter, status: StatusFields): void {
  writer.u8(status.status)
  writer.u8(status.progress)
  writer.u32(status.seq)
  endCompleteBlock(writer, status)
}

export function statusBlockRoom(status: StatusFields): number {
  return 7 + headersRoom(status.headers)
}

export function readStatusBlock(cursor: FrameCursor, out: StatusBlock): void {
  out.blockAt = cursor.position
  out.status = cursor.u8()
  out.progress = cursor.u8()
  out.seq = cursor.u32()
  if (out.status > 1) throw invalidFrame(`Status ${out.status} is unknown.`)
  if (out.progress > 100) throw invalidFrame(`Progress ${out.progress} is over 100.`)
  readTail(cursor, out)
}

export function endCompleteBlock(writer: FrameWriter, complete: CompleteFields): void {
  writer.u8(complete.codec)
  writeHeaders(writer, complete.headers)
  writer.end(complete.body)
}

export function completeBlockRoom(complete: CompleteFields): number {
  return 1 + headersRoom(complete.headers)
}

export function readCompleteBlock(cursor: FrameCursor, out: CompleteBlock): void {
  out.blockAt = cursor.position
  readTail(cursor, out)
}

/** A complete block on its own: for a broker that ends a task itself. */
export function encodeCompleteBlock(complete: CompleteFields): Uint8Array {
  const block = new Uint8Array(completeBlockRoom(complete) + complete.body.length)
  const headers = complete.headers
  block[0] = complete.codec
  let at = 3
  if (headers !== undefined) {
    const pairs = headers instanceof Uint8Array ? headers : encodeHeaders(headers)
    block[1] = pairs.length >>> 8
    block[2] = pairs.length
    block.set(pairs, 3)
    at += pairs.length
  }
  block.set(complete.body, at)
  return block
}

/** Reads a block that was kept, such as `encodeCompleteBlock` made. */
export function decodeCompleteBlock(block: Uint8Array): CompleteBlock {
  const out = new CompleteBlock()
  readCompleteBlock(new FrameCursor().reset(block, 0, block.length), out)
  return out
}

interface Tail {
  codec: number
  headersAt: number
  headersEnd: number
  bodyAt: number
  end: number
}

function readTail(cursor: FrameCursor, out: Tail): void {
  out.codec = cursor.u8()
  if (out.codec > 3) throw invalidFrame(`Codec ${out.codec} is unknown.`)
  out.headersAt = cursor.skipHeaders()
  out.headersEnd = cursor.position
  out.bodyAt = cursor.position
  out.end = cursor.end
}
