import { describe, expect, it } from 'vitest'

import { asAetherError, errorFromShape, textOf, toErrorShape } from '../src/error-shape.ts'
import { AetherError, errorCodes, isAetherError } from '../src/errors.ts'

describe('toErrorShape', () => {
  it('keeps an AetherError as it is, there and back', () => {
    const error = new AetherError('ERR_AETHER_RATE_LIMITED', 'slow down', {
      retryable: true,
      detail: { retryAfterMs: 5 },
    })
    const back = errorFromShape(toErrorShape(error))
    expect(back).toMatchObject({
      code: 'ERR_AETHER_RATE_LIMITED',
      message: 'slow down',
      retryable: true,
      detail: { retryAfterMs: 5 },
    })
    expect(isAetherError(back)).toBe(true)
  })

  it('sends neither stack nor cause, and no endless text', () => {
    const error = new AetherError('ERR_AETHER_TASK_FAILED', 'x'.repeat(5_000), { cause: new Error('secret') })
    const text = JSON.stringify(toErrorShape(error))
    expect(text).not.toContain('secret')
    expect(text).not.toContain('stack')
    expect(text.length).toBeLessThan(2_000)
  })

  it('leaves out a detail that has no JSON form', () => {
    const cycle: Record<string, unknown> = {}
    cycle['self'] = cycle
    for (const detail of [cycle, { big: 1n }]) {
      expect(toErrorShape(new AetherError('ERR_AETHER_TASK_FAILED', 'no', { detail })).detail).toBeUndefined()
    }
  })

  it.each([
    [new TypeError('no such thing'), 'no such thing', true, 'TypeError'],
    [Object.assign(new Error('never'), { retryable: false }), 'never', false, 'Error'],
    ['text', 'text', true, 'string'],
    [undefined, 'a undefined was thrown', true, 'undefined'],
    [{ retryable: false }, 'a object was thrown', false, 'object'],
  ])('makes a failure of %s', (thrown, message, retryable, name) => {
    expect(toErrorShape(thrown)).toEqual({
      code: 'ERR_AETHER_TASK_FAILED',
      message,
      retryable,
      detail: { name },
    })
  })
})

describe('errorFromShape', () => {
  it('takes a code of a newer peer for a failure, and tells the code', () => {
    expect(
      errorFromShape({
        code: 'ERR_AETHER_FROM_THE_FUTURE',
        message: 'new',
        retryable: true,
        detail: { a: 1 },
      }),
    ).toMatchObject({
      code: 'ERR_AETHER_TASK_FAILED',
      retryable: true,
      detail: { a: 1, code: 'ERR_AETHER_FROM_THE_FUTURE' },
    })
  })

  it('knows every code', () => {
    for (const code of errorCodes)
      expect(errorFromShape({ code, message: '', retryable: false }).code).toBe(code)
  })
})

describe('asAetherError', () => {
  it('keeps one, and wraps all else with it as the cause', () => {
    const error = new AetherError('ERR_AETHER_TASK_FAILED', 'no')
    expect(asAetherError(error)).toBe(error)
    const cause = new Error('gone')
    expect(asAetherError(cause, 'ERR_AETHER_TRANSPORT_LOST')).toMatchObject({
      code: 'ERR_AETHER_TRANSPORT_LOST',
      message: 'gone',
      cause,
    })
  })
})

describe('textOf', () => {
  it('tells the message, or else the name', () => {
    expect(textOf(new Error('why'))).toBe('why')
    expect(textOf(new DOMException('', 'AbortError'))).toBe('AbortError')
  })
})

describe('the list of codes', () => {
  it('is sorted, without repetition, and of one form', () => {
    expect([...errorCodes].toSorted()).toEqual([...errorCodes])
    expect(new Set(errorCodes).size).toBe(errorCodes.length)
    for (const code of errorCodes) expect(code).toMatch(/^ERR_AETHER_[A-Z]+(_[A-Z]+)+$/)
  })

  it('is recognised across copies of the package', () => {
    const foreign = Object.assign(new Error('x'), {
      code: 'ERR_AETHER_LEASE_LOST',
      [Symbol.for('aether.error')]: true,
    })
    expect(isAetherError(foreign)).toBe(true)
    expect(isAetherError(new Error('x'))).toBe(false)
    expect(isAetherError(null)).toBe(false)
  })
})
