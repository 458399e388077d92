import {
  type AetherEvent,
  type CompleteEvent,
  type PresenceEvent,
  type Route,
  type RouteCache,
  routeKey,
  type StatusEvent,
  type TerminalStatus,
} from '@aether/core'
import { ForeignMessage, type FrameReader } from './frame-reader.ts'
import type { FrameWriter } from './frame-writer.ts'
import { codecByte, codecName, Kind, readError, readHeaders, writeError, writeHeaders } from './frames.ts'

const actions = ['status', 'complete', 'cancel', 'idle', 'online', 'dismiss'] as const
const ends: readonly TerminalStatus[] = ['succeed', 'failed', 'cancelled', 'expired']

type Writable<T> = { -readonly [K in keyof T]: T[K] }

/** A worker's event for its caller, who knows the address. */
export function writeEvent(writer: FrameWriter, call: number, event: StatusEvent | CompleteEvent): void {
  const start = writer.begin(Kind.event)
  writer.u32(call)
  writeFields(writer, event)
  writer.end(start)
}

/** An event for those who listen. */
export function writeBroadcast(writer: FrameWriter, event: AetherEvent): void {
  const start = writer.begin(Kind.broadcast)
  writer.text(routeKey(event.route))
  writer.text(event.tid)
  writeFields(writer, event)
  writer.end(start)
}

export function readBroadcast(reader: FrameReader, routes: RouteCache): AetherEvent {
  const route = routes.get(reader.text())
  if (route === undefined) throw new ForeignMessage('an event has no route')
  return readFields(reader, route, reader.text())
}

function writeFields(writer: FrameWriter, event: AetherEvent): void {
  writer.u8(actions.indexOf(event.action))
  writer.text(event.client)
  writer.text(event.host)
  writeHeaders(writer, event.headers)
  switch (event.action) {
    case 'status':
      writer.u8(event.status === 'initialized' ? 0 : 1)
      writer.f64(event.progress)
      writer.u32(event.seq)
      writer.u32(event.attempt)
      writer.text(event.workgroup)
      return writeBody(writer, event)
    case 'complete':
      writer.u8(ends.indexOf(event.status))
      writer.u32(event.attempt)
      writer.text(event.workgroup)
      writeError(writer, event.error)
      return writeBody(writer, event)
    case 'cancel':
      return writer.text(event.reason)
    default:
      return writeBody(writer, event)
  }
}

function writeBody(writer: FrameWriter, event: StatusEvent | CompleteEvent | PresenceEvent): void {
  writer.u8(codecByte(event.codec))
  writer.u8(event.body === undefined ? 0 : 1)
  if (event.body !== undefined) writer.bytes(event.body)
}

/** What `writeFields` wrote, with the address that the reader knows. */
export function readFields(reader: FrameReader, route: Route, tid: string): AetherEvent {
  const action = actions[reader.u8()]
  const client = reader.text()
  const host = reader.text()
  const headers = readHeaders(reader)
  let event: Writable<AetherEvent>
  switch (action) {
    case 'status': {
      const status = reader.u8() === 0 ? 'initialized' : 'progress'
      const progress = reader.f64()
      const seq = reader.u32()
      const attempt = reader.u32()
      const workgroup = reader.text()
      const codec = codecName(reader.u8())
      event = { action, route, tid, client, host, status, progress, seq, attempt, workgroup, codec }
      const body = readBody(reader)
      if (body !== undefined) event.body = body
      break
    }
    case 'complete': {
      const status = ends[reader.u8()]
      if (status === undefined) throw new ForeignMessage('a completion has no status')
      const attempt = reader.u32()
      const workgroup = reader.text()
      const error = readError(reader)
      const codec = codecName(reader.u8())
      event = { action, route, tid, client, host, status, attempt, workgroup, codec }
      if (error !== undefined) event.error = error
      const body = readBody(reader)
      if (body !== undefined) event.body = body
      break
    }
    case 'cancel':
      event = { action, route, tid, client, host, reason: reader.text() }
      break
    case undefined:
      throw new ForeignMessage('an event has no action')
    default: {
      const codec = codecName(reader.u8())
      event = { action, route, tid, client, host, codec, body: readBody(reader) ?? new Uint8Array(0) }
    }
  }
  if (headers !== undefined) event.headers = headers
  return event
}

function readBody(reader: FrameReader): Uint8Array | undefined {
  return reader.u8() === 0 ? undefined : reader.bytes()
}
