import { describe, expect, it } from 'vitest'

import type { PerformOptions, Run } from '../../src/client/run.ts'
import { AetherError } from '../../src/errors.ts'
import { settleDown } from '../support/hand-clock.ts'
import { echo, setUp, untilAborted, work, type Setting } from '../support/settings.ts'

/** A signal that counts who listens. */
function countedSignal(): { readonly controller: AbortController; readonly listeners: () => number } {
  const controller = new AbortController()
  const { signal } = controller
  let count = 0
  const add = signal.addEventListener.bind(signal)
  const remove = signal.removeEventListener.bind(signal)
  signal.addEventListener = (...args: Parameters<typeof add>) => {
    count += 1
    add(...args)
  }
  signal.removeEventListener = (...args: Parameters<typeof remove>) => {
    count -= 1
    remove(...args)
  }
  return { controller, listeners: () => count }
}

interface Exit {
  readonly name: string
  readonly input: unknown
  readonly options?: PerformOptions
  readonly before?: (setting: Setting) => void
  readonly after?: (setting: Setting, run: Run) => unknown
}

const exits: readonly Exit[] = [
  { name: 'succeeded', input: 'ok' },
  { name: 'failed', input: 'fail' },
  { name: 'input that cannot be encoded', input: 1n },
  { name: 'wrong options', input: 1, options: { deadlineMs: -1 } },
  { name: 'refused by the engine', input: 1, options: { workgroup: 'nobody' } },
  { name: 'cancelled', input: 'hang', after: (_setting, run) => run.cancel() },
  { name: 'expired', input: 'hang', options: { deadlineMs: 100 }, after: ({ clock }) => clock.advance(300) },
  {
    name: 'expired while sending',
    input: 'hang',
    options: { deadlineMs: 100 },
    before: ({ hub }) => (hub.before.send = () => new Promise(() => {})),
    after: ({ clock }) => clock.advance(1_500),
  },
  {
    name: 'lost while sending',
    input: 'hang',
    before: ({ hub }) =>
      (hub.before.send = () => Promise.reject(new AetherError('ERR_AETHER_TRANSPORT_LOST', 'gone'))),
  },
  {
    name: 'progress read half',
    input: 'report',
    options: { progress: 'all' },
    after: async (_setting, run) => {
      for await (const _ of run.progress) break
    },
  },
]

describe('after a run has ended, nothing of it is left', () => {
  it.each(exits)('$name', async ({ input, options, before, after }) => {
    const setting = setUp()
    const { aether, clock, hub } = setting
    const worker = await work(aether, echo, async (given, ctx) => {
      if (given === 'fail') throw new AetherError('ERR_AETHER_TASK_FAILED', 'as asked')
      if (given === 'hang') await untilAborted(ctx.signal)
      if (given === 'report') for (let at = 0; at < 5; at += 1) await ctx.progress(at)
      return given
    })
    before?.(setting)
    const { controller, listeners } = countedSignal()
    const run = aether.perform(echo, input, { ...options, signal: controller.signal })
    await settleDown()
    await after?.(setting, run)
    await run.settle()
    expect(listeners()).toBe(0)
    expect(aether.ledger.open).toBe(0)
    await settleDown()
    expect(worker.stats.active).toBe(0)
    await aether.close()
    expect(hub.consumers.size).toBe(0)
    // What the naive engine still wants to look at is its own; core has no timer left.
    await clock.advance(120_000)
    expect(clock.pending).toBe(0)
  })
})

describe('close', () => {
  it('leaves no timer, consumer or listener behind, whatever was going on', async () => {
    const { aether, clock, hub } = setUp()
    await work(aether, echo, (_input, ctx) => untilAborted(ctx.signal), { presenceMs: 1_000 })
    await aether.presence()
    const run = aether.perform(echo)
    await run.accepted
    await settleDown()
    const closed = aether.close({ signal: AbortSignal.abort() })
    await clock.advance(5_000)
    await closed
    expect(run.settlement).toMatchObject({ status: 'failed', error: { code: 'ERR_AETHER_CLIENT_CLOSED' } })
    expect([hub.consumers.size, hub.listeners.size]).toEqual([0, 0])
    await clock.advance(120_000)
    expect(clock.pending).toBe(0)
  })
})
