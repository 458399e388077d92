import { afterEach, beforeEach, describe, expect, it } from 'vitest'

import { settleDown } from '../support/hand-clock.ts'
import { echo, setUp, work } from '../support/settings.ts'

describe('a failed run that nobody looks at', () => {
  const seen: unknown[] = []
  const note = (reason: unknown): void => void seen.push(reason)
  let others: NodeJS.UnhandledRejectionListener[] = []

  beforeEach(() => {
    seen.length = 0
    // The test runner's own listener would fail the file before the test can say anything.
    others = process.listeners('unhandledRejection')
    process.removeAllListeners('unhandledRejection')
    process.on('unhandledRejection', note)
  })

  afterEach(() => {
    process.removeAllListeners('unhandledRejection')
    for (const other of others) process.on('unhandledRejection', other)
  })

  it('is no unhandled rejection: neither its result, nor its progress, nor its acceptance', async () => {
    const { aether } = setUp()
    await work(aether, echo, (_input, ctx) => {
      // Reported without waiting, and too late to be taken.
      queueMicrotask(() => setImmediate(() => void ctx.progress('late')))
      throw Object.assign(new Error('no'), { retryable: false })
    })
    const ignored = aether.perform(echo)
    const watched = aether.perform(echo)
    for await (const _ of watched.progress);
    const looked = aether.perform(echo, 1, { workgroup: 'nobody' })
    void looked.accepted
    await looked.settle()
    await ignored.settle()
    await settleDown()
    await settleDown()
    expect(seen).toEqual([])
  })

  it('is one when a promise made of it is left alone: the caller asked for the result', async () => {
    const { aether } = setUp()
    const run = aether.perform(echo)
    void run.then((value) => value)
    await run.settle()
    await settleDown()
    await settleDown()
    expect(seen).toMatchObject([{ code: 'ERR_AETHER_WORKERS_NONE' }])
  })
})
