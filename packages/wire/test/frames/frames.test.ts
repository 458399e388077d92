import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { FRAME_HEAD, FrameCursor, FrameType, WireError } from '../../src/index.ts'
import { frameSamples, written } from '../frame-samples.ts'

interface Vector {
  readonly hex: string
  readonly fields: unknown
}

const vectors = JSON.parse(
  readFileSync(new URL('../vectors/frames.json', import.meta.url), 'utf8'),
) as Record<string, Vector>

describe('frames', () => {
  it('has a vector for each type of the protocol', () => {
    const named = new Set(Object.keys(frameSamples).map((name) => name.split(' ')[0]))
    expect(named).toEqual(new Set(Object.keys(FrameType)))
    expect(new Set(Object.keys(vectors))).toEqual(new Set(Object.keys(frameSamples)))
  })

  describe.each(Object.entries(frameSamples))('%s', (name, sample) => {
    it('is written as its vector', () => {
      expect(Buffer.from(written(sample.write)).toString('hex')).toBe(vectors[name]!.hex)
    })

    it('is read as the fields of its vector', () => {
      const bytes = new Uint8Array(Buffer.from(vectors[name]!.hex, 'hex'))
      expect(sample.read(new FrameCursor().reset(bytes, FRAME_HEAD, bytes.length))).toEqual(
        vectors[name]!.fields,
      )
    })

    it('is refused with a code when it is cut short anywhere before its rest', () => {
      const bytes = written(sample.write)
      for (let end = FRAME_HEAD; end < bytes.length; end++) {
        try {
          sample.read(new FrameCursor().reset(bytes, FRAME_HEAD, end))
        } catch (error) {
          expect(error).toBeInstanceOf(WireError)
          expect((error as WireError).code).toBe('ERR_AETHER_FRAME_INVALID')
        }
      }
    })
  })
})
