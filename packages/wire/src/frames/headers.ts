import { invalidFrame, WireError } from '../errors.ts'
import type { FrameWriter } from './frame-writer.ts'
import { readText, textBytes, writeText } from './text.ts'

/** Small strings beside a payload. Names take up to 255 bytes, values and all of them together up to 65 535. */
export type Headers = Readonly<Record<string, string>>

/** Headers to write: plain, or the encoded pairs of `encodeHeaders`, which are copied as they are. */
export type HeadersInput = Headers | Uint8Array | undefined

const none = new Uint8Array(0)

/** The encoded pairs, without their length; throws `ERR_AETHER_FRAME_TOO_LARGE` where they do not fit. */
export function encodeHeaders(headers: Headers): Uint8Array {
  const size = headersRoom(headers) - 2
  if (size === 0) return none
  const target = new Uint8Array(size)
  writePairs(target, 0, headers)
  return target
}

/** The pairs in `bytes[start, end)` as an object without a prototype. Throws `ERR_AETHER_FRAME_INVALID` where they do not fit their length. */
export function decodeHeaders(bytes: Uint8Array, start: number, end: number): Record<string, string> {
  const headers = Object.create(null) as Record<string, string>
  let at = start
  while (at < end) {
    const nameEnd = at + 1 + bytes[at]!
    if (nameEnd + 2 > end) throw invalidFrame('A header name that goes past the headers.')
    const valueEnd = nameEnd + 2 + ((bytes[nameEnd]! << 8) | bytes[nameEnd + 1]!)
    if (valueEnd > end) throw invalidFrame('A header value that goes past the headers.')
    headers[readText(bytes, at + 1, nameEnd)] = readText(bytes, nameEnd + 2, valueEnd)
    at = valueEnd
  }
  return headers
}

/** The value of the header with an ASCII `name`, without decoding the others. Throws `ERR_AETHER_FRAME_INVALID` as `decodeHeaders` does. */
export function findHeader(bytes: Uint8Array, start: number, end: number, name: string): string | undefined {
  let at = start
  while (at < end) {
    const nameEnd = at + 1 + bytes[at]!
    if (nameEnd + 2 > end) throw invalidFrame('A header name that goes past the headers.')
    const valueEnd = nameEnd + 2 + ((bytes[nameEnd]! << 8) | bytes[nameEnd + 1]!)
    if (valueEnd > end) throw invalidFrame('A header value that goes past the headers.')
    if (nameEnd - at - 1 === name.length && isName(bytes, at + 1, name))
      return readText(bytes, nameEnd + 2, valueEnd)
    at = valueEnd
  }
  return undefined
}

/** Encoded pairs of `bytes[start, end)` and then of `more`: how a broker adds its own to those it passes on. */
export function appendHeaders(bytes: Uint8Array, start: number, end: number, more: Headers): Uint8Array {
  const size = end - start
  const target = new Uint8Array(size + headersBytes(more))
  target.set(bytes.subarray(start, end))
  writePairs(target, size, more)
  return target
}

/** Bytes that the headers field takes in a frame, its length included. Throws where the headers are over their limits, before anything is written. */
export function headersRoom(headers: HeadersInput): number {
  if (headers === undefined) return 2
  const size = headers instanceof Uint8Array ? headers.length : headersBytes(headers)
  if (size > 0xffff) throw tooLarge(size)
  return 2 + size
}

/** Writes the headers field into a frame that was begun with `headersRoom` for it. */
export function writeHeaders(writer: FrameWriter, headers: HeadersInput): void {
  if (headers === undefined) return writer.u16(0)
  if (headers instanceof Uint8Array) {
    writer.u16(headers.length)
    return writer.raw(headers)
  }
  const at = writer.position
  writer.position = writePairs(writer.buffer, at + 2, headers)
  const size = writer.position - at - 2
  writer.buffer[at] = size >>> 8
  writer.buffer[at + 1] = size
}

function writePairs(target: Uint8Array, at: number, headers: Headers): number {
  for (const name in headers) {
    const nameEnd = writeText(target, at + 1, name)
    target[at] = nameEnd - at - 1
    const valueEnd = writeText(target, nameEnd + 2, headers[name]!)
    const size = valueEnd - nameEnd - 2
    target[nameEnd] = size >>> 8
    target[nameEnd + 1] = size
    at = valueEnd
  }
  return at
}

/** Checks names and types too, so that nothing is half written when one is wrong. */
function headersBytes(headers: Headers): number {
  let size = 0
  for (const name in headers) {
    const value = headers[name]
    if (typeof value !== 'string')
      throw new WireError('ERR_AETHER_OPTIONS_INVALID', `Header ${name} is no string.`)
    const nameSize = textBytes(name)
    if (nameSize > 0xff || nameSize === 0)
      throw new WireError(
        'ERR_AETHER_OPTIONS_INVALID',
        `A header name of ${nameSize} bytes: 1 to 255 are allowed.`,
      )
    size += nameSize + 3 + textBytes(value)
  }
  return size
}

function tooLarge(size: number): WireError {
  return new WireError('ERR_AETHER_FRAME_TOO_LARGE', `Headers of ${size} bytes are over the limit of 65535.`)
}

function isName(bytes: Uint8Array, at: number, name: string): boolean {
  for (let index = 0; index < name.length; index++)
    if (bytes[at + index] !== name.charCodeAt(index)) return false
  return true
}
