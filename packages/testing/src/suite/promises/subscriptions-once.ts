import { monotonicNow } from '../../history/history.ts'
import { until } from '../../until.ts'
import { workloadDefinitions } from '../../worker/workload-tasks.ts'
import { holds } from '../expectations.ts'
import type { CaseContext, Suite } from '../suite-case.ts'
import { expectPromisesKept, openCaller, patienceMs } from './stage.ts'
import type { Caller } from './stage.ts'

export const subscriptionsOnce: Suite = {
  name: 'promise 7: after a reconnection each subscription exists once',
  cases: [
    {
      name: 'an application that listens, works and performs, over connections that come and go',
      faults: ['link'],
      timeoutMs: 90_000,
      run: staysSingle,
    },
  ],
}

function generationOf({ plain }: Caller): number {
  return plain.state.status === 'ready' ? plain.state.generation : 0
}

async function staysSingle(context: CaseContext): Promise<void> {
  const caller = await openCaller(context, 'caller')
  const worker = await openCaller(context, 'worker')
  const heard = new Map<string, number>()
  await caller.aether.listen(workloadDefinitions.echo, (event) => {
    if (event.action === 'complete') heard.set(event.tid, (heard.get(event.tid) ?? 0) + 1)
  })
  let handled = 0
  await worker.aether
    .worker({ presenceMs: 0 })
    .handle(workloadDefinitions.echo, (input) => {
      handled += 1
      return input
    })
    .start()
  const { link } = await context.environment()
  for (let round = 1; round <= 3; round += 1) {
    for (const each of [caller, worker]) {
      const before = generationOf(each)
      const eachLink = link?.(each.plain)
      if (eachLink === undefined) throw new Error('the fault "link" is declared, but there is no link()')
      await eachLink.cut()
      await until(() => each.plain.state.status !== 'ready', { timeoutMs: patienceMs })
      await eachLink.heal()
      await until(() => generationOf(each) > before, { timeoutMs: patienceMs })
    }
    const handledBefore = handled
    const run = caller.aether.perform(workloadDefinitions.echo, { n: round }, { waitForWorkers: true })
    await run
    await until(() => heard.has(run.tid), { what: 'the listener hears of it' })
    await holds('heard and handled once', () => heard.get(run.tid) === 1 && handled === handledBefore + 1)
    const gauge = { kind: 'gauge', gauge: 'subscription', at: monotonicNow(), limit: 1 } as const
    context.recorder.record({ ...gauge, by: 'caller', name: 'listener', value: heard.get(run.tid) ?? 0 })
    context.recorder.record({ ...gauge, by: 'worker', name: 'consumer', value: handled - handledBefore })
  }
  expectPromisesKept(context)
}
