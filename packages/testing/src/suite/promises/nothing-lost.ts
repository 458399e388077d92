import { expect } from 'vitest'

import {
  cutLink,
  cutWorkers,
  freezeEngine,
  freezeWorkers,
  killWorkers,
  restartEngine,
} from '../../nemesis/nemesis.ts'
import type { WorkloadName } from '../../worker/workload-tasks.ts'
import { redelivers, sharedQueue } from '../suite-case.ts'
import type { CaseContext, Suite } from '../suite-case.ts'
import { expectAllSucceeded, openStage } from './stage.ts'
import type { Stage, StormOptions } from './stage.ts'

export const nothingLost: Suite = {
  name: 'promise 3: nothing accepted is lost',
  cases: [
    {
      name: 'workers are cut off and come back',
      faults: ['worker-cut'],
      requires: redelivers,
      timeoutMs: 120_000,
      async run(context) {
        const stage = await performMixed(context, 40)
        expectAllSucceeded(await stage.settleUnder([cutWorkers(stage.pool)]))
        await stage.finish()
      },
    },
    {
      name: 'workers are killed, frozen and cut off, one after the other',
      faults: ['worker-kill', 'worker-freeze', 'worker-cut'],
      requires: redelivers,
      timeoutMs: 120_000,
      async run(context) {
        const stage = await performMixed(context, 60)
        const { pool } = stage
        expectAllSucceeded(
          await stage.settleUnder([killWorkers(pool), freezeWorkers(pool), cutWorkers(pool)]),
        )
        await stage.finish()
      },
    },
    {
      name: 'the caller is cut off and comes back',
      faults: ['link', 'worker-kill'],
      requires: redelivers,
      timeoutMs: 120_000,
      async run(context) {
        const stage = await performMixed(context, 40)
        const { link } = await context.environment()
        const callersLink = link?.(stage.caller.plain)
        if (callersLink === undefined) throw new Error('the fault "link" is declared, but there is no link()')
        // Where the caller is the queue, being cut off from it is for workers what a restart of the engine is: work whose lease ends begins anew.
        const storm: StormOptions = sharedQueue(context.capabilities) ? {} : { gapMs: [1_500, 2_000] }
        expectAllSucceeded(await stage.settleUnder([cutLink(callersLink, stage.caller.name)], storm))
        await stage.finish()
      },
    },
    {
      name: 'the engine freezes and goes on',
      faults: ['engine-freeze', 'worker-kill'],
      requires: redelivers,
      timeoutMs: 120_000,
      async run(context) {
        const stage = await performMixed(context, 40)
        const { engine } = await context.environment()
        if (engine === undefined) throw new Error('a fault of the engine is declared, but there is no engine')
        // Leases may end while it stands still, so that work begins anew: as with restarts, peace must be longer than the longest task.
        expectAllSucceeded(await stage.settleUnder([freezeEngine(engine)], { gapMs: [1_500, 2_000] }))
        await stage.finish()
      },
    },
    {
      name: 'the engine dies and another takes its place: callers send again what is open',
      faults: ['engine-restart', 'worker-kill'],
      requires: redelivers,
      timeoutMs: 120_000,
      run: survivesRestart,
    },
  ],
}

async function performMixed(context: CaseContext, count: number): Promise<Stage> {
  const stage = await openStage(context)
  const kinds: readonly WorkloadName[] = ['echo', 'slow', 'progress', 'stubborn']
  const runs = Array.from({ length: count }, (_none, n) =>
    stage.perform(kinds[n % kinds.length] ?? 'echo', { n, ms: context.random.between(50, 400) }),
  )
  // What a fault may not lose is what was accepted before it.
  await Promise.all(runs.map(({ run }) => run.accepted))
  return stage
}

/**
 * An engine that keeps nothing forgets which attempts it handed out, so fences start again and a task may be worked on twice: what it still owes is that each
 * caller has its one answer. Every restart begins all work anew: the peace between two must be longer than the longest task, or nothing ever ends.
 */
async function survivesRestart(context: CaseContext): Promise<void> {
  const stage = await performMixed(context, 40)
  const { engine } = await context.environment()
  if (engine === undefined) throw new Error('a fault of the engine is declared, but there is no engine')
  expectAllSucceeded(await stage.settleUnder([restartEngine(engine)], { gapMs: [2_000, 3_000] }))
  await stage.pool.close()
  const terminals = context.recorder.entries.filter(
    ({ kind, by }) => kind === 'terminal' && by === stage.caller.name,
  )
  expect(terminals).toHaveLength(40)
  expect(stage.caller.aether.ledger).toMatchObject({ performed: 40, succeeded: 40, open: 0 })
}
