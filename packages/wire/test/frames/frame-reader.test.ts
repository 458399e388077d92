import { describe, expect, it } from 'vitest'
import { FrameReader, FrameWriter, WireError, writePublish } from '../../src/index.ts'
import { written } from '../frame-samples.ts'

const ignore = { onFrame: () => {} }

function refusal(run: () => void): WireError {
  try {
    run()
  } catch (error) {
    return error as WireError
  }
  throw new Error('nothing was thrown')
}

describe('FrameReader', () => {
  it('refuses a length over the limit from its four bytes alone, whole or split', () => {
    const head = new Uint8Array([0, 0, 1, 1])
    for (const chunks of [[head], [head.slice(0, 1), head.slice(1, 3), head.slice(3)]]) {
      const reader = new FrameReader(ignore, { maxFrameBytes: 256 })
      const error = refusal(() => chunks.forEach((chunk) => reader.push(chunk)))
      expect(error.code).toBe('ERR_AETHER_FRAME_TOO_LARGE')
      expect(error.detail).toEqual({ length: 257, limit: 256 })
      expect(reader.heldBytes).toBe(0)
    }
  })

  it('refuses lengths that would be negative as signed numbers', () => {
    const error = refusal(() => new FrameReader(ignore).push(new Uint8Array([0xff, 0xff, 0xff, 0xff, 1])))
    expect(error.code).toBe('ERR_AETHER_FRAME_TOO_LARGE')
  })

  it('refuses an empty frame', () => {
    const error = refusal(() => new FrameReader(ignore).push(new Uint8Array([0, 0, 0, 0, 1])))
    expect(error.code).toBe('ERR_AETHER_FRAME_INVALID')
  })

  it('does not copy frames that lie in one chunk, and shows that they follow each other', () => {
    const chunk = written((writer) => {
      for (let index = 0; index < 3; index++) writePublish(writer, 1, undefined, new Uint8Array(4))
    })
    let next = 0
    let frames = 0
    const reader = new FrameReader({
      onFrame: (_type, bytes, start, end) => {
        expect(bytes).toBe(chunk)
        expect(start - 5).toBe(next)
        next = end
        frames++
      },
    })
    reader.push(chunk)
    expect(frames).toBe(3)
  })

  it('hands out nothing more once it is stopped inside a chunk', () => {
    const chunk = written((writer) => {
      for (let index = 0; index < 3; index++) writePublish(writer, 1, undefined, new Uint8Array(4))
    })
    let frames = 0
    const reader: FrameReader = new FrameReader({
      onFrame: () => {
        frames++
        reader.stop()
      },
    })
    reader.push(chunk)
    reader.push(chunk)
    expect(frames).toBe(1)
  })
})

describe('FrameWriter', () => {
  it('passes a large body on without copying it, and copies a small one', () => {
    const large = new Uint8Array(10_000)
    const small = new Uint8Array([1, 2, 3])
    const writer = new FrameWriter()
    writePublish(writer, 1, undefined, large)
    writePublish(writer, 1, undefined, small)
    const chunks = writer.take()
    expect(chunks).toContain(large)
    expect(chunks).toHaveLength(3)
    small[0] = 9
    expect(chunks[2]!.at(-3)).toBe(1)
    expect(writer.take()).toEqual([])
  })

  it('does not touch chunks that were taken', () => {
    const writer = new FrameWriter()
    writePublish(writer, 1, undefined, new Uint8Array([7]))
    const taken = writer.take()[0]!
    const before = taken.slice()
    for (let index = 0; index < 100; index++) writePublish(writer, 2, undefined, new Uint8Array(40).fill(9))
    expect(taken).toEqual(before)
  })

  it('takes back a frame whose string is too long, and stays usable', () => {
    const writer = new FrameWriter()
    writer.begin(1, 1_000)
    expect(() => writer.str8('x'.repeat(300))).toThrow(WireError)
    expect(writer.pendingBytes).toBe(0)
    writePublish(writer, 1, undefined, new Uint8Array(1))
    expect(writer.pendingBytes).toBe(12)
  })
})
