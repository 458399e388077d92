import { expect } from 'vitest'

import { freezeWorkers } from '../../nemesis/nemesis.ts'
import { until } from '../../until.ts'
import { redelivers, sharedQueue } from '../suite-case.ts'
import type { CaseContext, Suite } from '../suite-case.ts'
import { expectAllSucceeded, openStage } from './stage.ts'

export const oneHolder: Suite = {
  name: 'promise 2: one worker at a time',
  cases: [
    {
      name: 'what frozen workers say late is refused, and their tasks go on elsewhere',
      faults: ['worker-freeze'],
      requires: redelivers,
      timeoutMs: 120_000,
      run: refusesThawed,
    },
    {
      name: 'a frozen worker that completes after its thaw does not complete the task again',
      faults: ['worker-freeze'],
      requires: redelivers,
      timeoutMs: 60_000,
      run: refusesLateCompletion,
    },
  ],
}

async function refusesThawed(context: CaseContext): Promise<void> {
  const stage = await openStage(context)
  for (let n = 0; n < 36; n += 1)
    stage.perform(n % 2 === 0 ? 'stubborn' : 'progress', { n, ms: context.random.between(50, 500) })
  expectAllSucceeded(await stage.settleUnder([freezeWorkers(stage.pool)]))
  await stage.finish()
}

async function refusesLateCompletion(context: CaseContext): Promise<void> {
  const stage = await openStage(context, { workers: 2 })
  const { entries } = context.recorder
  const { run } = stage.perform('stubborn', { n: 1, ms: 300 })
  const started = await until(() => entries.find(({ kind }) => kind === 'handler-started'))
  const holder = stage.pool.workers.find(({ name }) => name === started.by)
  if (holder === undefined) throw new Error(`${started.by} is not in the pool`)
  await holder.freeze()
  const settlement = await run.settle()
  expect(settlement.status).toBe('succeeded')
  // Under the lease layer a worker that stands still before anybody heard of it has left no trace: then the attempt is another's.
  expect(settlement.attempt).toBeGreaterThanOrEqual(sharedQueue(context.capabilities) ? 2 : 1)
  expect(settlement.worker).not.toBe(holder.name)
  await holder.thaw()
  await until(() => entries.some(({ kind, by }) => kind === 'handler-ended' && by === holder.name), {
    what: 'the thawed handler comes to its end',
  })
  await stage.settle()
  await stage.finish()
  const accepted = entries.filter((entry) => entry.kind === 'ack' && entry.answer === 'accepted')
  expect(accepted.map(({ by }) => by)).toEqual([settlement.worker])
}
