import { getEventListeners } from 'node:events'

import { describe, expect, it } from 'vitest'

import { SharedAborts } from '../../src/client/shared-aborts.ts'
import { settleDown } from '../support/hand-clock.ts'
import { echo, gate, setUp, untilAborted, work } from '../support/settings.ts'

describe('SharedAborts', () => {
  it('tells every follower once, but for those that left', () => {
    const aborts = new SharedAborts()
    const controller = new AbortController()
    const told: unknown[] = []
    const first = aborts.follow(controller.signal, (reason) => told.push(['first', reason]))
    const second = aborts.follow(controller.signal, (reason) => told.push(['second', reason]))
    aborts.follow(controller.signal, () => second.stop())
    first.stop()
    controller.abort('why')
    expect(told).toEqual([['second', 'why']])
    expect([first.signal.aborted, second.signal.aborted, second.signal.reason]).toEqual([false, true, 'why'])
    expect(aborts.size).toBe(0)
  })
})

describe('a signal that many runs share', () => {
  it('has one listener of the application, none when the runs are over, and cancels all', async () => {
    const { aether, hub } = setUp()
    await aether.start()
    const worker = await work(aether, echo, (_input, ctx) => untilAborted(ctx.signal), { concurrency: 1_000 })
    const controller = new AbortController()
    const { signal } = controller
    const opened = gate()
    hub.before.send = () => opened.promise
    const runs = Array.from({ length: 100 }, (_, index) => aether.perform(echo, index, { signal }))
    await settleDown()
    expect(getEventListeners(signal, 'abort').length).toBe(1)
    opened.open()
    await settleDown()
    expect(getEventListeners(signal, 'abort').length).toBe(1)
    expect(worker.stats.active).toBe(100)
    await runs[0]?.cancel()
    controller.abort()
    const settled = await Promise.all(runs.map((run) => run.settle()))
    expect(settled.every(({ status }) => status === 'cancelled')).toBe(true)
    expect(getEventListeners(signal, 'abort').length).toBe(0)
    await aether.close()
  })
})
