import { describe, expect, test } from 'vitest'

import { decodeHeaders, encodeHeaders } from '../../src/envelope/header-envelope.ts'
import { decodeEnvelope, encodeEnvelope } from '../../src/envelope/json-envelope.ts'
import {
  addressOf,
  fromParcel,
  readVectors,
  toParcel,
  type Vector,
  withBytes,
  withHex,
} from '../support/envelope-vectors.ts'

const vectors = readVectors()
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

test('the golden vectors are there, ours and those of other peers', () => {
  expect(vectors.filter(([, vector]) => vector.ours).length).toBe(20)
  expect(vectors.filter(([, vector]) => !vector.ours).length).toBe(5)
})

describe.each(vectors)('%s', (_, { kind, message, json }: Vector) => {
  test('the JSON bytes mean the message', () => {
    const read = fromParcel(kind, decodeEnvelope(bytes(json)), addressOf(kind, message))
    expect(withHex(read)).toEqual(message)
  })
})

describe.each(vectors.filter(([, vector]) => vector.ours))('%s is written', (_, vector: Vector) => {
  const { kind, message } = vector

  test('as these JSON bytes', () => {
    const written = encodeEnvelope(toParcel(kind, withBytes(message)))
    expect(new TextDecoder().decode(written)).toBe(vector.json)
  })

  test('as these headers, its body untouched', () => {
    const parcel = toParcel(kind, withBytes(message))
    const written = encodeHeaders(parcel)
    expect(written.headers).toEqual(vector.headers)
    expect(written.body).toBe(parcel.body)
    expect(withHex(fromParcel(kind, decodeHeaders(written), addressOf(kind, message)))).toEqual(message)
  })
})
