import { expect } from 'vitest'

import { workloadDefinitions } from '../../worker/workload-tasks.ts'
import { bounded } from '../expectations.ts'
import type { CaseContext, Suite } from '../suite-case.ts'
import { expectPromisesKept, openCaller, openStage } from './stage.ts'

export const boundedWaits: Suite = {
  name: 'promise 5: every wait is bounded',
  cases: [
    {
      name: 'without workers a task fails fast with ERR_AETHER_WORKERS_NONE',
      run: failsFast,
    },
    {
      name: 'a task that nobody takes ends at its deadline',
      async run(context) {
        const { aether } = await openCaller(context)
        const run = aether.perform(
          workloadDefinitions.echo,
          { n: 1 },
          { deadlineMs: 500, waitForWorkers: true },
        )
        const settlement = await bounded('a task without a worker', run.settle(), 10_000)
        expect(settlement.status).toBe('expired')
        expectPromisesKept(context)
      },
    },
    {
      name: 'a task whose worker hangs ends at its deadline',
      faults: ['worker-kill'],
      timeoutMs: 60_000,
      async run(context) {
        const stage = await openStage(context, { workers: 1 })
        const { run } = stage.perform('stubborn', { n: 1, ms: 3_000 }, { deadlineMs: 800 })
        const settlement = await bounded('a task whose worker hangs', run.settle(), 15_000)
        expect(settlement.status).toBe('expired')
        await stage.finish()
      },
    },
    {
      name: 'a caller that is cut off is not kept waiting past the deadline',
      faults: ['link'],
      timeoutMs: 60_000,
      run: endsWhileCutOff,
    },
  ],
}

async function failsFast(context: CaseContext): Promise<void> {
  const { aether } = await openCaller(context)
  const startedAt = performance.now()
  const settlement = await bounded(
    'a perform without workers',
    aether.perform(workloadDefinitions.echo, { n: 1 }, { deadlineMs: 30_000 }).settle(),
    10_000,
  )
  expect(settlement.status).toBe('failed')
  if (settlement.status !== 'succeeded') expect(settlement.error.code).toBe('ERR_AETHER_WORKERS_NONE')
  expect(performance.now() - startedAt).toBeLessThan(5_000)
  expectPromisesKept(context)
}

async function endsWhileCutOff(context: CaseContext): Promise<void> {
  const caller = await openCaller(context)
  const { link } = await context.environment()
  const callersLink = link?.(caller.plain)
  if (callersLink === undefined) throw new Error('the fault "link" is declared, but there is no link()')
  const options = { deadlineMs: 1_000, waitForWorkers: true }
  const before = caller.aether.perform(workloadDefinitions.echo, { n: 1 }, options)
  await before.accepted
  await callersLink.cut()
  const during = caller.aether.perform(workloadDefinitions.echo, { n: 2 }, options)
  for (const run of [before, during]) {
    const settlement = await bounded('a run of a caller that is cut off', run.settle(), 20_000)
    expect(settlement.status === 'expired' || settlement.status === 'failed').toBe(true)
  }
  await callersLink.heal()
  expect(caller.aether.ledger.open).toBe(0)
}
