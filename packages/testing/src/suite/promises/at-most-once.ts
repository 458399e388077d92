import { expect } from 'vitest'

import {
  cutLink,
  cutWorkers,
  freezeEngine,
  freezeWorkers,
  killWorkers,
  restartEngine,
} from '../../nemesis/nemesis.ts'
import type { Nemesis } from '../../nemesis/nemesis.ts'
import type { WorkloadName, WorkloadOutput } from '../../worker/workload-tasks.ts'
import type { Fault } from '../../harness.ts'
import { redelivers } from '../suite-case.ts'
import type { CaseContext, Suite, SuiteCase } from '../suite-case.ts'
import { openStage } from './stage.ts'
import type { Stage, StormOptions } from './stage.ts'

/** What promises 1 to 3 become where nothing is delivered again: a task may be lost with its worker, and then its caller is told. */
export const atMostOnce: Suite = {
  name: 'promises 1 to 3, at most once',
  cases: [
    storm('workers are killed', ['worker-kill'], async (_context, { pool }) => [killWorkers(pool)]),
    storm('workers freeze and go on', ['worker-freeze'], async (_context, { pool }) => [freezeWorkers(pool)]),
    storm('workers are cut off and come back', ['worker-cut'], async (_context, { pool }) => [
      cutWorkers(pool),
    ]),
    storm('the caller is cut off and comes back', ['link', 'worker-kill'], async (context, { caller }) => {
      const link = (await context.environment()).link?.(caller.plain)
      if (link === undefined) throw new Error('the fault "link" is declared, but there is no link()')
      return [cutLink(link, caller.name)]
    }),
    storm(
      'the engine freezes and goes on',
      ['engine-freeze', 'worker-kill'],
      async (context) => [freezeEngine(await engineOf(context))],
      { gapMs: [500, 1_000] },
    ),
    storm(
      'the engine dies and another takes its place',
      ['engine-restart', 'worker-kill'],
      async (context) => [restartEngine(await engineOf(context))],
      { gapMs: [500, 1_000] },
    ),
  ],
}

function storm(
  name: string,
  faults: readonly Fault[],
  arm: (context: CaseContext, stage: Stage) => Promise<readonly Nemesis[]>,
  options: StormOptions = {},
): SuiteCase {
  return {
    name: `${name}: each task is handed out once and ends once, done or lost`,
    faults,
    requires: (capabilities) => !redelivers(capabilities),
    timeoutMs: 120_000,
    run: async (context) => await survives(context, arm, options),
  }
}

async function engineOf(context: CaseContext): Promise<Parameters<typeof freezeEngine>[0]> {
  const { engine } = await context.environment()
  if (engine === undefined) throw new Error('a fault of the engine is declared, but there is no engine')
  return engine
}

async function survives(
  context: CaseContext,
  arm: (context: CaseContext, stage: Stage) => Promise<readonly Nemesis[]>,
  options: StormOptions,
): Promise<void> {
  const stage = await openStage(context)
  const kinds: readonly WorkloadName[] = ['echo', 'slow', 'progress', 'stubborn']
  for (let n = 0; n < 40; n += 1)
    stage.perform(kinds[n % kinds.length] ?? 'echo', { n, ms: context.random.between(50, 400) })
  const settled = await stage.settleUnder(await arm(context, stage), options)
  let done = 0
  for (const { n, settlement } of settled) {
    if (settlement.status === 'succeeded') {
      done += 1
      expect((settlement.value as WorkloadOutput).n).toBe(n)
    } else expect(settlement.error.code, settlement.error.message).toBe('ERR_AETHER_TRANSPORT_LOST')
  }
  // Each fault takes at most what one worker has in hand, or what is on its way at once.
  expect(done).toBeGreaterThan(0)
  await stage.finish()
  // A worker may give a task back, as when its handler throws: only then is it handed out again.
  const { entries } = context.recorder
  const count = (wanted: string, tid: string): number =>
    entries.filter((entry) => entry.kind === wanted && 'tid' in entry && entry.tid === tid).length
  const repeated = settled
    .map(({ run }) => run.tid)
    .filter((tid) => count('delivered', tid) > 1 + count('release', tid))
  expect(repeated, 'handed out again').toEqual([])
}
