import { invalidFrame } from '../errors.ts'
import type { FrameCursor } from './frame-cursor.ts'
import { FRAME_HEAD, type FrameWriter } from './frame-writer.ts'
import { type HeadersInput, headersRoom, writeHeaders } from './headers.ts'
import { FrameType } from '../protocol.ts'

/** PUBLISH, the same towards the broker and towards the subscriber. */
export function writePublish(
  writer: FrameWriter,
  topicId: number,
  headers: HeadersInput,
  payload: Uint8Array,
): void {
  if (headers !== undefined || payload.length > 1_024) {
    writer.begin(FrameType.PUBLISH, 4 + headersRoom(headers))
    writer.u32(topicId)
    writeHeaders(writer, headers)
    return writer.end(payload)
  }
  // The hottest frame there is: small and without headers. One reservation, plain stores.
  const size = payload.length
  const length = size + 7
  writer.reserve(length + 4)
  const buffer = writer.buffer
  let at = writer.position
  buffer[at] = 0
  buffer[at + 1] = 0
  buffer[at + 2] = length >>> 8
  buffer[at + 3] = length
  buffer[at + 4] = FrameType.PUBLISH
  buffer[at + 5] = topicId >>> 24
  buffer[at + 6] = topicId >>> 16
  buffer[at + 7] = topicId >>> 8
  buffer[at + 8] = topicId
  buffer[at + 9] = 0
  buffer[at + 10] = 0
  at += 11
  if (size > 48) buffer.set(payload, at)
  else for (let index = 0; index < size; index++) buffer[at + index] = payload[index]!
  writer.position = at + size
}

/** PUBLISH_NAMED, the same towards the broker and towards the subscriber. */
export function writePublishNamed(
  writer: FrameWriter,
  topic: string,
  headers: HeadersInput,
  payload: Uint8Array,
): void {
  writer.begin(FrameType.PUBLISH_NAMED, 2 + 3 * topic.length + headersRoom(headers))
  writer.str16(topic)
  writeHeaders(writer, headers)
  writer.end(payload)
}

/** The topic id of the PUBLISH whose fields are `bytes[start, end)`. */
export function publishTopicId(bytes: Uint8Array, start: number, end: number): number {
  if (end - start < 6) throw invalidFrame('A PUBLISH that ends before its headers.')
  return (
    ((bytes[start]! << 24) | (bytes[start + 1]! << 16) | (bytes[start + 2]! << 8) | bytes[start + 3]!) >>> 0
  )
}

/** Where the headers field of a PUBLISH begins, counted from its first field. */
export const PUBLISH_HEADERS = 4

/** Where the headers field of the PUBLISH_NAMED whose fields are `bytes[start, end)` begins: right after its topic. */
export function namedHeadersAt(bytes: Uint8Array, start: number, end: number): number {
  const at = end - start < 2 ? end : start + 2 + ((bytes[start]! << 8) | bytes[start + 1]!)
  if (at + 2 > end) throw invalidFrame('A PUBLISH_NAMED that ends before its headers.')
  return at
}

/** Where the payload begins, given where the headers field does; what is between the two, less two bytes of length, are the pairs. */
export function payloadAt(bytes: Uint8Array, headersAt: number, end: number): number {
  const at = headersAt + 2 + ((bytes[headersAt]! << 8) | bytes[headersAt + 1]!)
  if (at > end) throw invalidFrame('Headers that go past their frame.')
  return at
}

/** Where the frame begins whose fields begin at `start`. */
export function frameAt(start: number): number {
  return start - FRAME_HEAD
}

export function writeSubscribe(writer: FrameWriter, filter: string): void {
  writeName(writer, FrameType.SUBSCRIBE, filter)
}

export function writeUnsubscribe(writer: FrameWriter, filter: string): void {
  writeName(writer, FrameType.UNSUBSCRIBE, filter)
}

export function writeTopicRequest(writer: FrameWriter, topic: string): void {
  writeName(writer, FrameType.TOPIC_REQUEST, topic)
}

/** The filter of SUBSCRIBE and UNSUBSCRIBE, the topic of TOPIC_REQUEST and UNSERVE. */
export function readName(cursor: FrameCursor): string {
  const name = cursor.str16()
  cursor.finish()
  return name
}

export function writeTopic(writer: FrameWriter, topicId: number, topic: string): void {
  writer.begin(FrameType.TOPIC, 6 + 3 * topic.length)
  writer.u32(topicId)
  writer.str16(topic)
  writer.end()
}

export function readTopic(cursor: FrameCursor): { readonly topicId: number; readonly topic: string } {
  const topicId = cursor.u32()
  const topic = cursor.str16()
  cursor.finish()
  if (topicId === 0) throw invalidFrame('Topic id 0 is no id.')
  return { topicId, topic }
}

export function writeTopicDrop(writer: FrameWriter, topicId: number): void {
  writer.begin(FrameType.TOPIC_DROP, 4)
  writer.u32(topicId)
  writer.end()
}

export function readTopicDrop(cursor: FrameCursor): number {
  const topicId = cursor.u32()
  cursor.finish()
  return topicId
}

export function writeDropped(writer: FrameWriter, messages: number): void {
  writer.begin(FrameType.DROPPED, 4)
  writer.u32(messages)
  writer.end()
}

/** How many messages this connection missed. */
export function readDropped(cursor: FrameCursor): number {
  const messages = cursor.u32()
  cursor.finish()
  return messages
}

/** @internal */
export function writeName(writer: FrameWriter, type: number, name: string): void {
  writer.begin(type, 2 + 3 * name.length)
  writer.str16(name)
  writer.end()
}
