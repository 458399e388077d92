import { expect, test } from 'vitest'

import { leaseSettings } from '../../src/lease/lease-options.ts'

test.each([
  { resendMs: 0 },
  { resendMs: -1 },
  { resendMs: 1.5 },
  { retryMs: Number.NaN },
  { window: '5' as unknown as number },
  { maxOpen: Infinity },
  { maxHeld: -1 },
  { resendMs: 500, resendMaxMs: 100 },
  { clock: {} as never },
  { random: 4 as never },
  { announce: 'yes' as never },
])('refuses %o', (options) => {
  expect(() => leaseSettings(options)).toThrow(
    expect.objectContaining({ code: 'ERR_AETHER_OPTIONS_INVALID' }),
  )
})

test('keeps no object of its caller and fills in defaults', () => {
  const options = { maxHeld: 0 }
  const settings = leaseSettings(options)
  options.maxHeld = 5
  expect(settings).toMatchObject({ maxHeld: 0, resendMs: 1_000, window: 256, announce: true })
})
