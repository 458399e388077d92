import { expect } from 'vitest'

import { killWorkers } from '../../nemesis/nemesis.ts'
import type { WorkloadName } from '../../worker/workload-tasks.ts'
import { redelivers } from '../suite-case.ts'
import type { CaseContext, Suite } from '../suite-case.ts'
import { expectAllSucceeded, openStage } from './stage.ts'

export const oneOutcome: Suite = {
  name: 'promise 1: one outcome',
  cases: [
    {
      name: 'every kind of task ends once, while workers are killed',
      faults: ['worker-kill'],
      requires: redelivers,
      timeoutMs: 120_000,
      run: endsOnceUnderKills,
    },
    {
      name: 'tasks that take their own worker down end once',
      faults: ['worker-kill'],
      requires: redelivers,
      timeoutMs: 120_000,
      async run(context) {
        const stage = await openStage(context, { concurrency: 2 })
        for (let n = 0; n < 3; n += 1) stage.perform('crash', { n })
        for (let n = 3; n < 12; n += 1) stage.perform('slow', { n, ms: 100 })
        const settled = await stage.settle()
        expectAllSucceeded(settled)
        const crashed = settled.filter(({ task }) => task === 'crash')
        expect(crashed.every(({ settlement }) => settlement.attempt >= 2)).toBe(true)
        await stage.finish()
      },
    },
  ],
}

async function endsOnceUnderKills(context: CaseContext): Promise<void> {
  const stage = await openStage(context)
  const kinds: readonly WorkloadName[] = ['echo', 'slow', 'progress', 'flaky']
  for (let n = 0; n < 60; n += 1) {
    const task = kinds[n % kinds.length] ?? 'echo'
    stage.perform(task, { n, ms: context.random.between(20, 300) })
  }
  expectAllSucceeded(await stage.settleUnder([killWorkers(stage.pool)]))
  await stage.finish()
}
