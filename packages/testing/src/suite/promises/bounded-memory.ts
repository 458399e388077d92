import { defineTask } from '@aether/core'
import { expect } from 'vitest'

import { workloadDefinitions } from '../../worker/workload-tasks.ts'
import { bounded } from '../expectations.ts'
import type { CaseContext, Suite } from '../suite-case.ts'
import { expectPromisesKept, openCaller } from './stage.ts'

export const boundedMemory: Suite = {
  name: 'promise 6: everything is bounded',
  cases: [
    {
      name: 'a flood is refused once the queue is full, and counted',
      timeoutMs: 60_000,
      run: refusesFlood,
    },
    {
      name: 'a caller that reads progress slowly keeps no more than it asked for',
      timeoutMs: 60_000,
      run: shedsProgress,
    },
  ],
}

async function refusesFlood(context: CaseContext): Promise<void> {
  await context.environment({ maxQueued: 20 })
  const { aether } = await openCaller(context)
  const options = { waitForWorkers: true, deadlineMs: 30_000 }
  const runs = Array.from({ length: 100 }, (_none, n) =>
    aether.perform(workloadDefinitions.echo, { n }, options),
  )
  const accepted = await Promise.allSettled(runs.map((run) => run.accepted))
  const taken = runs.filter((_run, index) => accepted[index]?.status === 'fulfilled')
  expect(taken).toHaveLength(20)
  const refused = runs.filter((run) => !taken.includes(run))
  for (const run of refused) {
    const settlement = await run.settle()
    if (settlement.status === 'succeeded') throw new Error(`${run.tid} was refused and succeeded`)
    expect(settlement.error.code).toBe('ERR_AETHER_QUEUE_FULL')
  }
  expect(aether.ledger).toMatchObject({ performed: 100, failed: 80, open: 20 })
  const worker = aether.worker({ presenceMs: 0 }).handle(workloadDefinitions.echo, (input) => input)
  await worker.start()
  await bounded('what was taken', Promise.all(taken.map((run) => run.settle())), 20_000)
  expect(aether.ledger).toMatchObject({ performed: 100, succeeded: 20, failed: 80, open: 0 })
  expectPromisesKept(context)
}

async function shedsProgress(context: CaseContext): Promise<void> {
  const { aether } = await openCaller(context)
  const chatty = defineTask({ job: 'workload', task: 'chatty' })
  const count = 2_000
  const worker = aether.worker({ presenceMs: 0 }).handle(chatty, async (_input, ctx) => {
    for (let step = 1; step <= count; step += 1) await ctx.progress(step)
    return count
  })
  await worker.start()
  const run = aether.perform(chatty, undefined, { progress: 'all', progressLimit: 50 })
  // Taken before anything arrives, read when everything has.
  const { progress } = run
  expect(await bounded('a task with much progress', run, 50_000)).toBe(count)
  const kept: unknown[] = []
  for await (const step of progress) kept.push(step)
  expect(kept.length).toBeLessThanOrEqual(50)
  expect(kept.at(-1)).toBe(count)
}
