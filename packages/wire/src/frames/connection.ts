import { invalidFrame, WireError, type WireErrorCode } from '../errors.ts'
import type { FrameCursor } from './frame-cursor.ts'
import type { FrameWriter } from './frame-writer.ts'
import { FrameType, MAGIC } from '../protocol.ts'

export interface Hello {
  readonly minVersion: number
  readonly maxVersion: number
  readonly features: number
  readonly maxFrameBytes: number
  readonly client: string
  readonly host: string
  readonly token: string
}

export interface Welcome {
  readonly version: number
  readonly features: number
  readonly maxFrameBytes: number
  readonly heartbeatMs: number
  readonly broker: string
  readonly brokerVersion: string
}

export interface Refusal {
  readonly command: number
  readonly error: WireError
}

export function writeHello(writer: FrameWriter, hello: Hello): void {
  writer.begin(FrameType.HELLO, 18 + 3 * (hello.client.length + hello.host.length + hello.token.length))
  writer.u32(MAGIC)
  writer.u8(hello.minVersion)
  writer.u8(hello.maxVersion)
  writer.u32(hello.features)
  writer.u32(hello.maxFrameBytes)
  writer.str8(hello.client)
  writer.str8(hello.host)
  writer.str16(hello.token)
  writer.end()
}

/** Fields of a HELLO; a later version may add fields after those known here. */
export function readHello(cursor: FrameCursor): Hello {
  if (cursor.u32() !== MAGIC) throw invalidFrame('The first frame is no HELLO: is the peer an Aether client?')
  const minVersion = cursor.u8()
  const maxVersion = cursor.u8()
  const features = cursor.u32()
  const maxFrameBytes = cursor.u32()
  return {
    minVersion,
    maxVersion,
    features,
    maxFrameBytes,
    client: cursor.str8(),
    host: cursor.str8(),
    token: cursor.str16(),
  }
}

export function writeWelcome(writer: FrameWriter, welcome: Welcome): void {
  writer.begin(FrameType.WELCOME, 15 + 3 * (welcome.broker.length + welcome.brokerVersion.length))
  writer.u8(welcome.version)
  writer.u32(welcome.features)
  writer.u32(welcome.maxFrameBytes)
  writer.u32(welcome.heartbeatMs)
  writer.str8(welcome.broker)
  writer.str8(welcome.brokerVersion)
  writer.end()
}

/** Fields of a WELCOME; a later version may add fields after those known here. */
export function readWelcome(cursor: FrameCursor): Welcome {
  const version = cursor.u8()
  const features = cursor.u32()
  const maxFrameBytes = cursor.u32()
  const heartbeatMs = cursor.u32()
  return {
    version,
    features,
    maxFrameBytes,
    heartbeatMs,
    broker: cursor.str8(),
    brokerVersion: cursor.str8(),
  }
}

export function writePing(writer: FrameWriter, token: number): void {
  writeNumber(writer, FrameType.PING, token)
}

export function writePong(writer: FrameWriter, token: number): void {
  writeNumber(writer, FrameType.PONG, token)
}

/** The token of a PING or PONG. */
export function readToken(cursor: FrameCursor): number {
  return readNumber(cursor)
}

export function writeError(writer: FrameWriter, code: string, message: string): void {
  const text = clip(message)
  writer.begin(FrameType.ERROR, 3 + 3 * (code.length + text.length))
  writer.str8(code)
  writer.str16(text)
  writer.end()
}

/** The error that the other side closes with. */
export function readError(cursor: FrameCursor): WireError {
  const code = readCode(cursor)
  const message = cursor.str16()
  cursor.finish()
  return new WireError(code, message)
}

export function writeGoodbye(writer: FrameWriter, reason: string): void {
  writer.begin(FrameType.GOODBYE, 1 + 3 * reason.length)
  writer.str8(reason)
  writer.end()
}

/** The reason of a GOODBYE. */
export function readGoodbye(cursor: FrameCursor): string {
  const reason = cursor.str8()
  cursor.finish()
  return reason
}

export function writeConfirm(writer: FrameWriter, command: number): void {
  writeNumber(writer, FrameType.CONFIRM, command)
}

/** The number of the last command that a CONFIRM covers. */
export function readConfirm(cursor: FrameCursor): number {
  return readNumber(cursor)
}

export function writeRefuse(
  writer: FrameWriter,
  command: number,
  code: string,
  message: string,
  options: { readonly retryable?: boolean } = {},
): void {
  const text = clip(message)
  writer.begin(FrameType.REFUSE, 8 + 3 * (code.length + text.length))
  writer.u32(command)
  writer.u8(options.retryable === true ? 1 : 0)
  writer.str8(code)
  writer.str16(text)
  writer.end()
}

export function readRefuse(cursor: FrameCursor): Refusal {
  const command = cursor.u32()
  const retryable = (cursor.u8() & 1) === 1
  const code = readCode(cursor)
  const message = cursor.str16()
  cursor.finish()
  return { command, error: new WireError(code, message, { retryable }) }
}

export function writeDeduplicated(writer: FrameWriter, command: number): void {
  writeNumber(writer, FrameType.DEDUPLICATED, command)
}

/** The number of the SEND whose tid was known. */
export function readDeduplicated(cursor: FrameCursor): number {
  return readNumber(cursor)
}

/** A code as it comes over the wire; what does not look like one is refused. */
export function readCode(cursor: FrameCursor): WireErrorCode {
  const code = cursor.str8()
  if (!/^ERR_AETHER_[A-Z_]+$/.test(code)) throw invalidFrame('An error without a code of Aether.')
  return code as WireErrorCode
}

function writeNumber(writer: FrameWriter, type: number, value: number): void {
  writer.begin(type, 4)
  writer.u32(value)
  writer.end()
}

function readNumber(cursor: FrameCursor): number {
  const value = cursor.u32()
  cursor.finish()
  return value
}

/** Texts are for people: a long one is cut rather than refused. */
function clip(text: string): string {
  return text.length > 4_096 ? text.slice(0, 4_096) : text
}
