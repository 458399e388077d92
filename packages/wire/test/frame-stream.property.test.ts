import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  COPY_LIMIT,
  decodeHeaders,
  encodeHeaders,
  FRAME_HEAD,
  FrameCursor,
  FrameReader,
  FrameWriter,
  payloadAt,
  textBytes,
  WireError,
  writePublishNamed,
} from '../src/index.ts'
import { frameSamples, join } from './frame-samples.ts'

const samples = Object.values(frameSamples)

interface Frame {
  readonly type: number
  readonly fields: string
}

function collect(reader: (frames: Frame[]) => FrameReader, chunks: readonly Uint8Array[]): Frame[] {
  const frames: Frame[] = []
  const splitter = reader(frames)
  for (const chunk of chunks) splitter.push(chunk)
  return frames
}

const recording = (frames: Frame[]): FrameReader =>
  new FrameReader({
    onFrame: (type, bytes, start, end) => {
      expect(bytes[start - 1]).toBe(type)
      frames.push({ type, fields: Buffer.from(bytes.subarray(start, end)).toString('hex') })
    },
  })

function split(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const at = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b)
  const edges = [0, ...at, bytes.length]
  return edges.slice(1).map((end, index) => bytes.slice(edges[index], end))
}

describe('a frame stream', () => {
  it('gives the same frames however it is split', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(samples.length - 1), { maxLength: 20 }),
        fc.array(fc.nat(5_000), { maxLength: 30 }),
        fc.nat(6_000),
        (chosen, cuts, bodySize) => {
          const writer = new FrameWriter()
          for (const index of chosen) samples[index]!.write(writer)
          writePublishNamed(writer, 't', undefined, new Uint8Array(bodySize).fill(3))
          for (const index of chosen) samples[index]!.write(writer)
          const stream = join(writer.take())
          const whole = collect(recording, [stream])
          expect(whole).toHaveLength(2 * chosen.length + 1)
          expect(collect(recording, split(stream, cuts))).toEqual(whole)
        },
      ),
    )
  })

  it('byte by byte gives the same frames too', () => {
    const writer = new FrameWriter()
    for (const sample of samples) sample.write(writer)
    const stream = join(writer.take())
    const bytes = Array.from(stream, (byte) => new Uint8Array([byte]))
    expect(collect(recording, bytes)).toEqual(collect(recording, [stream]))
  })

  it('of garbage throws nothing but a coded error and holds no more than the limit', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 20 }), (chunks) => {
        const cursor = new FrameCursor()
        const reader: FrameReader = new FrameReader(
          {
            onFrame: (_type, bytes, start, end) => {
              for (const sample of samples) {
                try {
                  sample.read(cursor.reset(bytes, start, end))
                } catch (error) {
                  expect(error).toBeInstanceOf(WireError)
                }
              }
            },
          },
          { maxFrameBytes: 64 },
        )
        try {
          for (const chunk of chunks) {
            reader.push(chunk)
            expect(reader.heldBytes).toBeLessThan(68)
          }
        } catch (error) {
          expect(error).toBeInstanceOf(WireError)
          expect((error as WireError).code).toMatch(/^ERR_AETHER_FRAME_(INVALID|TOO_LARGE)$/)
          expect(reader.heldBytes).toBe(0)
        }
      }),
      { numRuns: 500 },
    )
  })

  it('with garbage in its fields throws nothing but coded errors', () => {
    fc.assert(
      fc.property(fc.nat(samples.length - 1), fc.uint8Array({ maxLength: 80 }), (index, fields) => {
        try {
          samples[index]!.read(new FrameCursor().reset(fields, 0, fields.length))
        } catch (error) {
          expect(error).toBeInstanceOf(WireError)
        }
      }),
      { numRuns: 2_000 },
    )
  })
})

describe('headers', () => {
  const texts = fc.string({ unit: 'binary', minLength: 1, maxLength: 60 })

  it('come back as they were', () => {
    fc.assert(
      fc.property(fc.dictionary(texts, texts, { noNullPrototype: false }), (headers) => {
        const encoded = encodeHeaders(headers)
        expect({ ...decodeHeaders(encoded, 0, encoded.length) }).toEqual({ ...headers })
      }),
    )
  })

  it('are measured as they are encoded', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(textBytes(text)).toBe(new TextEncoder().encode(text).length)
      }),
    )
    expect(textBytes('\ud800x\udc00')).toBe(new TextEncoder().encode('\ud800x\udc00').length)
  })
})

describe('PUBLISH_NAMED', () => {
  it('carries any topic, headers and payload', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary', maxLength: 50 }),
        fc.uint8Array({ maxLength: 2 * COPY_LIMIT }),
        (topic, payload) => {
          const writer = new FrameWriter()
          writePublishNamed(writer, topic, { n: topic.slice(0, 9) }, payload)
          const bytes = join(writer.take())
          const cursor = new FrameCursor().reset(bytes, FRAME_HEAD, bytes.length)
          const encoder = new TextEncoder()
          const decoder = new TextDecoder()
          expect(cursor.str16()).toBe(decoder.decode(encoder.encode(topic)))
          const at = payloadAt(bytes, cursor.position, bytes.length)
          expect(Buffer.compare(bytes.subarray(at), payload)).toBe(0)
        },
      ),
    )
  })
})
