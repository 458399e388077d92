import { describe, expect, it } from 'vitest'

import { until } from '../src/index.ts'

describe('until', () => {
  it('resolves with what came true, zero and the empty string included', async () => {
    let looks = 0
    expect(await until(() => (looks += 1) > 3 && 'there')).toBe('there')
    expect(looks).toBe(4)
    expect(await until(() => 0)).toBe(0)
    expect(await until(() => '')).toBe('')
    expect(await until(async () => 'later')).toBe('later')
  })

  it('fails after its time, naming what it waited for', async () => {
    await expect(until(() => false, { timeoutMs: 20, what: 'a miracle' })).rejects.toThrow(
      'not within 20 ms: a miracle',
    )
    await expect(until(() => undefined, { timeoutMs: 20, what: () => 'late text' })).rejects.toThrow(
      /late text/,
    )
    await expect(until(() => Date.now() < 2, { timeoutMs: 20 })).rejects.toThrow(/now\(\) < 2/)
  })

  it('takes a throw as not yet, and keeps the last as the cause', async () => {
    let looks = 0
    const value = await until(() => {
      looks += 1
      if (looks < 3) throw new Error('not yet')
      return looks
    })
    expect(value).toBe(3)
    const failed = until(() => Promise.reject(new Error('never')), { timeoutMs: 20 })
    await expect(failed).rejects.toMatchObject({ cause: { message: 'never' } })
  })
})
