import { invalidFrame, WireError } from '../errors.ts'
import type { FrameCursor } from './frame-cursor.ts'
import type { FrameWriter } from './frame-writer.ts'
import { type HeadersInput, headersRoom, writeHeaders } from './headers.ts'
import { FrameType } from '../protocol.ts'
import { TextMemo } from './text.ts'
import { readCode } from './connection.ts'
import { writeName } from './pubsub.ts'

/** REQUEST with a topic id, or with its name where the id is 0. */
export function writeRequest(
  writer: FrameWriter,
  correlation: number,
  timeoutMs: number,
  topicId: number,
  topic: string,
  headers: HeadersInput,
  payload: Uint8Array,
): void {
  writer.begin(FrameType.REQUEST, 14 + (topicId === 0 ? 3 * topic.length : 0) + headersRoom(headers))
  writer.u32(correlation)
  writer.u32(timeoutMs)
  writer.u32(topicId)
  if (topicId === 0) writer.str16(topic)
  writeHeaders(writer, headers)
  writer.end(payload)
}

/** Fields of a REQUEST, filled again and again by `readRequest`. Headers and payload are offsets into the bytes of the cursor. */
export class RequestFrame {
  correlation = 0
  timeoutMs = 0
  /** 0: see `topic`. */
  topicId = 0
  topic = ''
  /** Where the headers field begins, its length included: from here to the end a REQUEST is passed on as it is. */
  headersAt = 0
  payloadAt = 0
  end = 0
  readonly memo: TextMemo = new TextMemo()
}

export function readRequest(cursor: FrameCursor, out: RequestFrame): void {
  out.correlation = cursor.u32()
  out.timeoutMs = cursor.u32()
  out.topicId = cursor.u32()
  out.topic = out.topicId === 0 ? cursor.memo16(out.memo) : ''
  out.headersAt = cursor.position
  cursor.skipHeaders()
  out.payloadAt = cursor.position
  out.end = cursor.end
}

/** REPLY with an answer. */
export function writeReply(
  writer: FrameWriter,
  correlation: number,
  headers: HeadersInput,
  payload: Uint8Array,
): void {
  writer.begin(FrameType.REPLY, 5 + headersRoom(headers))
  writer.u32(correlation)
  writer.u8(0)
  writeHeaders(writer, headers)
  writer.end(payload)
}

/** REPLY that says why there is no answer. */
export function writeReplyError(
  writer: FrameWriter,
  correlation: number,
  code: string,
  message: string,
): void {
  const text = message.length > 4_096 ? message.slice(0, 4_096) : message
  writer.begin(FrameType.REPLY, 10 + 3 * (code.length + text.length))
  writer.u32(correlation)
  writer.u8(1)
  writer.u16(0)
  writer.str8(code)
  writer.str16(text)
  writer.end()
}

/** A REQUEST or REPLY under another correlation: how a broker passes one on. `rest` is what follows its correlation. */
export function writeForwarded(
  writer: FrameWriter,
  type: number,
  correlation: number,
  rest: Uint8Array,
): void {
  writer.begin(type, 4)
  writer.u32(correlation)
  writer.end(rest)
}

/** Fields of a REPLY, filled again and again by `readReply`. */
export class ReplyFrame {
  correlation = 0
  failed = false
  headersAt = 0
  payloadAt = 0
  end = 0
}

export function readReply(cursor: FrameCursor, out: ReplyFrame): void {
  out.correlation = cursor.u32()
  const status = cursor.u8()
  if (status > 1) throw invalidFrame(`A REPLY of status ${status}.`)
  out.failed = status === 1
  out.headersAt = cursor.position
  cursor.skipHeaders()
  out.payloadAt = cursor.position
  out.end = cursor.end
}

/** Why a failed REPLY failed; the cursor stands where `readReply` left it. */
export function readReplyError(cursor: FrameCursor): WireError {
  const code = readCode(cursor)
  const message = cursor.str16()
  cursor.finish()
  return new WireError(code, message)
}

export function writeServe(writer: FrameWriter, topic: string, credit: number): void {
  writer.begin(FrameType.SERVE, 6 + 3 * topic.length)
  writer.str16(topic)
  writer.u32(credit)
  writer.end()
}

export function readServe(cursor: FrameCursor): { readonly topic: string; readonly credit: number } {
  const topic = cursor.str16()
  const credit = cursor.u32()
  cursor.finish()
  if (credit === 0) throw invalidFrame('SERVE without credit.')
  return { topic, credit }
}

export function writeUnserve(writer: FrameWriter, topic: string): void {
  writeName(writer, FrameType.UNSERVE, topic)
}
