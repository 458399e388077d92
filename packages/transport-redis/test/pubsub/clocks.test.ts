import { until } from '@aether/testing'
import { expect, it } from 'vitest'
import { clockAhead } from '../support/clock-ahead.ts'
import { LinkHub } from '../support/link-hub.ts'
import { completeOf, join, taskOf } from '../support/pubsub-party.ts'

const hourMs = 3_600_000

it.each([hourMs, -hourMs])(
  'a deadline is what the caller, %d ms ahead of its worker, meant',
  async (aheadMs) => {
    const hub = new LinkHub()
    const clock = clockAhead(aheadMs)
    const worker = await join(hub)
    const deliveries = await worker.consume()
    const caller = await join(hub, { clock })
    const task = taskOf({ deadline: clock.now() + 20_000 })
    await caller.transport.send(task)
    await until(() => deliveries.length === 1)
    const [delivery] = deliveries
    if (delivery === undefined) return expect.fail('no delivery')
    const leftMs = delivery.task.deadline - Date.now()
    expect(leftMs).toBeGreaterThan(10_000)
    expect(leftMs).toBeLessThan(20_100)
    await delivery.ack(completeOf(delivery))
    await until(() => caller.completions(task.tid).length === 1)
    const short = taskOf({ deadline: clock.now() + 300, workgroup: 'nobody' })
    await caller.transport.send(short)
    await until(() => caller.completions(short.tid)[0]?.status === 'expired')
    await Promise.all([caller.transport.close(), worker.transport.close()])
  },
)
