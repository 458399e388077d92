import type { CodecName, ErrorShape } from '@aether/core'
import { ForeignMessage, type FrameReader } from './frame-reader.ts'
import type { FrameWriter } from './frame-writer.ts'

/** What instances say to each other. The numbers are part of what travels: new ones are added at the end. */
export const Kind = {
  /** Caller to worker: a task. */
  task: 1,
  /** Caller to worker: stop, it ended without you. */
  revoke: 2,
  /** Caller to worker: what became of these calls? */
  ask: 3,
  /** Worker to caller: an event of a call. */
  event: 4,
  /** Worker to caller: not begun, no room here. */
  busy: 5,
  /** Worker to caller: given back. */
  release: 6,
  /** Worker to caller, when asked: in hand; never seen; seen, and what became of it is forgotten. */
  running: 7,
  never: 8,
  lost: 9,
  /** To a union: who I am, what I consume, what I listen to. */
  hello: 10,
  /** To a union: say hello. */
  who: 11,
  /** To a union: still here. */
  alive: 12,
  /** To a union: leaving. */
  bye: 13,
  /** To a union, for myself: what was said before has been heard now. */
  echo: 14,
  /** To a union: whoever sent this task, end it. */
  cancel: 15,
  /** To whoever asked a whole union. */
  answer: 16,
  /** To those who listen: an event with its address. */
  broadcast: 17,
} as const

const magic = 0x41
const version = 1

/** Begins a message: a foreign one looks different. */
export function writeHead(writer: FrameWriter, from: string): void {
  writer.u8(magic)
  writer.u8(0xe5)
  writer.u8(version)
  writer.text(from)
}

/** Who sent the message. */
export function readHead(reader: FrameReader): string {
  if (reader.u8() !== magic || reader.u8() !== 0xe5) throw new ForeignMessage('it is none of ours')
  const spoken = reader.u8()
  if (spoken !== version) throw new ForeignMessage(`it speaks version ${spoken}, and this is ${version}`)
  return reader.text()
}

const codecs: readonly CodecName[] = ['json', 'msgpack', 'raw']

export function codecByte(codec: CodecName): number {
  return codecs.indexOf(codec)
}

export function codecName(byte: number): CodecName {
  const name = codecs[byte]
  if (name === undefined) throw new ForeignMessage(`codec ${byte} is not known`)
  return name
}

/** Headers of the application, as JSON; empty where there are none. */
export function writeHeaders(
  writer: FrameWriter,
  headers: Readonly<Record<string, string>> | undefined,
): void {
  writer.text(headers === undefined ? '' : JSON.stringify(headers))
}

export function readHeaders(reader: FrameReader): Readonly<Record<string, string>> | undefined {
  const headers = readObject(reader)
  if (headers === undefined) return undefined
  for (const value of Object.values(headers))
    if (typeof value !== 'string') throw new ForeignMessage('a header is no text')
  return headers as Record<string, string>
}

export function writeError(writer: FrameWriter, error: ErrorShape | undefined): void {
  writer.text(error === undefined ? '' : JSON.stringify(error))
}

export function readError(reader: FrameReader): ErrorShape | undefined {
  const error = readObject(reader)
  if (error === undefined) return undefined
  const { code, message, retryable, detail } = error
  if (typeof code !== 'string' || typeof message !== 'string')
    throw new ForeignMessage('an error has no code')
  const shape = { code, message, retryable: retryable === true }
  return isObject(detail) ? { ...shape, detail } : shape
}

function readObject(reader: FrameReader): Record<string, unknown> | undefined {
  const text = reader.text()
  if (text === '') return undefined
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    throw new ForeignMessage('a field is no JSON')
  }
  if (!isObject(parsed)) throw new ForeignMessage('a field is no object')
  return parsed
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
