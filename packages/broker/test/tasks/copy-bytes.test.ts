import { expect, test } from 'vitest'
import { copyBytes } from '../../src/tasks/copy-bytes.ts'

test.each([10, 3_000, 50_000])('%i bytes of a chunk do not keep the chunk', (size) => {
  const chunk = Buffer.alloc(65_536, 'abc')
  const copy = copyBytes(chunk, 1, 1 + size)
  expect(Buffer.compare(copy, chunk.subarray(1, 1 + size))).toBe(0)
  expect(copy.buffer).not.toBe(chunk.buffer)
  expect(copy.buffer.byteLength).toBeLessThanOrEqual(Math.max(size, 65_535))
  chunk.fill(0)
  expect(copy[0]).toBe('b'.charCodeAt(0))
})
