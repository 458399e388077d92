import { expect, it } from 'vitest'
import { isStamped, stamp } from '../src/roles/payload.ts'

it('recognises its own stamp and nothing else', () => {
  const payload = new Uint8Array(16)
  stamp(payload, 4_000_000_123)
  expect(isStamped(payload, 4_000_000_123, 16)).toBe(true)
  expect(isStamped(payload, 4_000_000_124, 16)).toBe(false)
  expect(isStamped(payload.subarray(1), 4_000_000_123, 16)).toBe(false)
})
