import { AetherError, errorCodes } from '@aether/core'
import { Reason, WireError } from '@aether/wire'
import { describe, expect, it } from 'vitest'
import { endedError, mapped, toAetherError } from '../src/errors.ts'

describe('toAetherError', () => {
  it.each(errorCodes)('keeps %s, its text, detail, cause and whether it may be tried again', (code) => {
    const cause = new Error('the socket')
    const error = toAetherError(new WireError(code, 'said', { cause, retryable: true, detail: { limit: 1 } }))
    expect(error).toBeInstanceOf(AetherError)
    expect(error).toMatchObject({ code, message: 'said', retryable: true, detail: { limit: 1 }, cause })
  })

  it('turns a code it does not know into ERR_AETHER_TRANSPORT_LOST that tells it', () => {
    const error = toAetherError(new WireError('ERR_AETHER_MOON_FULL', 'howl', { detail: { phase: 4 } }))
    expect(error).toMatchObject({
      code: 'ERR_AETHER_TRANSPORT_LOST',
      message: 'howl',
      detail: { phase: 4, code: 'ERR_AETHER_MOON_FULL' },
    })
  })

  it('wraps what is no error of Aether', () => {
    const cause = new TypeError('bug')
    expect(toAetherError(cause)).toMatchObject({ code: 'ERR_AETHER_TRANSPORT_LOST', cause })
    expect(toAetherError('text').message).toContain('text')
  })

  it('leaves an error of core as it is', () => {
    const error = new AetherError('ERR_AETHER_LEASE_LOST', 'gone')
    expect(toAetherError(error)).toBe(error)
  })
})

describe('mapped', () => {
  it('resolves as the wire does and rejects as core does', async () => {
    expect(await mapped(Promise.resolve(7))).toBe(7)
    const failing = mapped(Promise.reject(new WireError('ERR_AETHER_QUEUE_FULL', 'full')))
    await expect(failing).rejects.toBeInstanceOf(AetherError)
  })
})

describe('endedError', () => {
  const said = { code: 'ERR_AETHER_TASK_FAILED', message: 'out of paper', retryable: true }
  it.each([
    [Reason.cancelled, 'ERR_AETHER_TASK_CANCELLED'],
    [Reason.queueTtl, 'ERR_AETHER_TASK_EXPIRED'],
    [Reason.deadline, 'ERR_AETHER_DEADLINE_EXCEEDED'],
    [Reason.attemptsExhausted, 'ERR_AETHER_ATTEMPTS_EXHAUSTED'],
  ])('reason %i is %s', (reason, code) => {
    expect(endedError(reason, 'tid', 2, undefined, 'why')).toMatchObject({ code, retryable: false })
  })

  it('says what the last attempt said', () => {
    expect(endedError(Reason.attemptsExhausted, 'tid', 2, said, '')).toBe(said)
    expect(endedError(Reason.cancelled, 'tid', 2, undefined, 'user left').message).toContain('user left')
  })
})
