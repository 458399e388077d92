import { describe, expect, it } from 'vitest'
import { z } from 'zod'

import { defineTask } from '../../src/define/define-task.ts'

describe('defineTask', () => {
  it('fills in the defaults and freezes', () => {
    const task = defineTask({ job: 'image', task: 'resize', input: z.object({ width: z.number() }) })
    expect(task).toMatchObject({
      deadlineMs: 60_000,
      attemptTimeoutMs: 0,
      ttlMs: 0,
      attempts: 3,
      priority: 4,
      leaseMs: 30_000,
      output: undefined,
    })
    expect(Object.isFrozen(task)).toBe(true)
  })

  it('does not keep the object it was given', () => {
    const options = { job: 'a', task: 'b', attempts: 2 }
    const task = defineTask(options)
    options.attempts = 9
    expect(task.attempts).toBe(2)
  })

  it.each([
    ['job', { job: 'a/b', task: 't' }, 'ERR_AETHER_NAME_INVALID'],
    ['task', { job: 'a', task: '' }, 'ERR_AETHER_NAME_INVALID'],
    ['task', { job: 'a', task: '+' }, 'ERR_AETHER_NAME_INVALID'],
    ['deadlineMs', { job: 'a', task: 'b', deadlineMs: 0 }, 'ERR_AETHER_OPTIONS_INVALID'],
    ['deadlineMs', { job: 'a', task: 'b', deadlineMs: '1' }, 'ERR_AETHER_OPTIONS_INVALID'],
    ['attempts', { job: 'a', task: 'b', attempts: 0 }, 'ERR_AETHER_OPTIONS_INVALID'],
    ['attempts', { job: 'a', task: 'b', attempts: 1.5 }, 'ERR_AETHER_OPTIONS_INVALID'],
    ['priority', { job: 'a', task: 'b', priority: 10 }, 'ERR_AETHER_OPTIONS_INVALID'],
    ['ttlMs', { job: 'a', task: 'b', ttlMs: Number.NaN }, 'ERR_AETHER_OPTIONS_INVALID'],
    ['leaseMs', { job: 'a', task: 'b', leaseMs: 1 }, 'ERR_AETHER_OPTIONS_INVALID'],
    ['backoff', { job: 'a', task: 'b', backoff: 1_000 }, 'ERR_AETHER_OPTIONS_INVALID'],
    ['input', { job: 'a', task: 'b', input: { parse: () => 1 } }, 'ERR_AETHER_OPTIONS_INVALID'],
    ['codec', { job: 'a', task: 'b', codec: 'json' }, 'ERR_AETHER_OPTIONS_INVALID'],
    ['deadline', { job: 'a', task: 'b', deadline: 5 }, 'ERR_AETHER_OPTIONS_INVALID'],
  ])('refuses a wrong %s, naming it', (name, options, code) => {
    const make = (): unknown => defineTask(options as never)
    expect(make).toThrowError(expect.objectContaining({ code }) as Error)
    expect(make).toThrowError(new RegExp(name))
  })
})
