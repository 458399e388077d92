import type { ErrorShape } from '@aether/core'
import { decodeHeaders, encodeHeaders } from '@aether/wire'

/** The headers of a block of the protocol, apart from each other. */
export interface BlockHeaders {
  readonly client: string
  readonly host: string
  readonly workgroup: string
  readonly error: ErrorShape | undefined
  /** Header `m`: the message of an error, or the reason of a cancel. */
  readonly text: string
  /** Headers of the application, under their own names; undefined: none. */
  readonly headers: Readonly<Record<string, string>> | undefined
  /** Headers of one character that only messages of events have. */
  readonly fields: Readonly<Record<string, string>>
}

const encoder = new TextEncoder()

/** What goes into the headers of a block. */
export interface BlockSource {
  readonly client: string
  readonly host: string
  readonly workgroup?: string
  readonly error?: ErrorShape | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
}

/** Plain headers of a block: names of one character are the protocol's, the application's are kept apart by `~`. */
export function plainHeaders(source: BlockSource): Record<string, string> {
  const headers: Record<string, string> = Object.create(null) as Record<string, string>
  headers['c'] = source.client
  headers['h'] = source.host
  if (source.workgroup !== undefined) headers['w'] = source.workgroup
  if (source.error !== undefined) addError(headers, source.error)
  if (source.headers !== undefined) addOwn(headers, source.headers)
  return headers
}

export function addError(headers: Record<string, string>, error: ErrorShape): void {
  headers['e'] = error.code
  headers['m'] = error.message
  if (error.retryable) headers['r'] = '1'
  if (error.detail !== undefined) {
    const detail = JSON.stringify(error.detail)
    // Facts for programs are small; what is not stays behind rather than making the frame fail.
    if (encoder.encode(detail).length <= 16_384) headers['d'] = detail
  }
}

function addOwn(headers: Record<string, string>, own: Readonly<Record<string, string>>): void {
  for (const name of Object.keys(own)) {
    headers[name.length === 1 || name.startsWith('~') ? `~${name}` : name] = own[name]!
  }
}

/** Takes the headers of a block apart. */
export function readBlockHeaders(bytes: Uint8Array, start: number, end: number): BlockHeaders {
  const all = decodeHeaders(bytes, start, end)
  const fields: Record<string, string> = {}
  let headers: Record<string, string> | undefined
  for (const name in all) {
    if (name.length === 1) fields[name] = all[name]!
    else (headers ??= {})[name.startsWith('~') ? name.slice(1) : name] = all[name]!
  }
  return {
    client: fields['c'] ?? '',
    host: fields['h'] ?? '',
    workgroup: fields['w'] ?? '',
    error: errorOf(fields),
    text: fields['m'] ?? '',
    headers,
    fields,
  }
}

function errorOf(fields: Readonly<Record<string, string>>): ErrorShape | undefined {
  const code = fields['e']
  if (code === undefined) return undefined
  const shape = { code, message: fields['m'] ?? '', retryable: fields['r'] === '1' }
  const detail = fields['d'] === undefined ? undefined : parseDetail(fields['d'])
  return detail === undefined ? shape : { ...shape, detail }
}

/** A foreign worker's detail that is no object is left out: the error counts. */
function parseDetail(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const detail: unknown = JSON.parse(text)
    return typeof detail === 'object' && detail !== null ? (detail as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

/** Encodes headers that are the same from task to task once. */
export class HeaderEncoder {
  #client: string | undefined
  #host: string | undefined
  #workgroup: string | undefined
  #encoded: Uint8Array = new Uint8Array(0)

  encode(source: BlockSource): Uint8Array {
    const { client, host, workgroup } = source
    if (source.headers !== undefined || source.error !== undefined) return encodeHeaders(plainHeaders(source))
    if (client !== this.#client || host !== this.#host || workgroup !== this.#workgroup) {
      this.#encoded = encodeHeaders(plainHeaders(source))
      this.#client = client
      this.#host = host
      this.#workgroup = workgroup
    }
    return this.#encoded
  }
}

const KEPT = 16

/** Decodes headers that come again and again, one set a worker or client, once. */
export class HeaderDecoder {
  readonly #bytes: Uint8Array[] = []
  readonly #headers: BlockHeaders[] = []

  decode(bytes: Uint8Array, start: number, end: number): BlockHeaders {
    const length = end - start
    // Names differ at their ends.
    const slot = length === 0 ? 0 : (length * 31 + bytes[end - 1]! * 7 + bytes[start + (length >> 1)]!) % KEPT
    const known = this.#bytes[slot]
    if (known !== undefined && known.length === length) {
      let index = 0
      while (index < length && known[index] === bytes[start + index]) index++
      if (index === length) return this.#headers[slot]!
    }
    const headers = readBlockHeaders(bytes, start, end)
    this.#bytes[slot] = bytes.slice(start, end)
    this.#headers[slot] = headers
    return headers
  }
}
