import { expect } from 'vitest'

import { killWorkers } from '../../nemesis/nemesis.ts'
import { until } from '../../until.ts'
import { redelivers } from '../suite-case.ts'
import type { CaseContext, Suite } from '../suite-case.ts'
import { openStage } from './stage.ts'

export const cancelAnywhere: Suite = {
  name: 'promise 4: cancel reaches everything',
  cases: [
    {
      name: 'queued and running tasks end as cancelled, and no handler goes on',
      faults: ['worker-kill'],
      timeoutMs: 120_000,
      run: cancelsAll,
    },
    {
      name: 'cancel and completion race to one outcome, while workers are killed',
      faults: ['worker-kill'],
      requires: redelivers,
      timeoutMs: 120_000,
      run: races,
    },
  ],
}

async function cancelsAll(context: CaseContext): Promise<void> {
  const stage = await openStage(context, { workers: 2, concurrency: 2, leaseMs: 60_000 })
  const { entries } = context.recorder
  const runs = Array.from({ length: 12 }, (_none, n) => stage.perform('slow', { n, ms: 25_000 }).run)
  await Promise.all(runs.map((run) => run.accepted))
  const running = (): number =>
    entries.filter(({ kind }) => kind === 'handler-started').length -
    entries.filter(({ kind }) => kind === 'handler-ended').length
  await until(() => running() === 4, { what: 'four handlers run, eight tasks wait' })
  const settlements = await Promise.all(runs.map((run) => run.cancel('no longer wanted')))
  expect(settlements.map(({ status }) => status)).toEqual(runs.map(() => 'cancelled'))
  await until(() => running() === 0, { what: 'every handler has ended' })
  await stage.finish()
}

async function races(context: CaseContext): Promise<void> {
  const stage = await openStage(context, { concurrency: 2 })
  const runs = Array.from(
    { length: 30 },
    (_none, n) => stage.perform('slow', { n, ms: context.random.between(10, 200) }).run,
  )
  const cancelling = runs
    .filter((_run, index) => index % 2 === 0)
    .map(async (run) => {
      await run.accepted
      await new Promise((resolve) => {
        setTimeout(resolve, context.random.between(0, 400))
      })
      return await run.cancel('in a race')
    })
  const settled = await stage.settleUnder([killWorkers(stage.pool)])
  const cancelled = await Promise.all(cancelling)
  expect(cancelled.every(({ status }) => status === 'cancelled' || status === 'succeeded')).toBe(true)
  for (const { run, settlement } of settled) expect(run.settlement).toEqual(settlement)
  await stage.finish()
}
