import { until } from '@aether/testing'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { LinkHub } from '../support/link-hub.ts'
import { completeOf, join, type Party, taskOf } from '../support/pubsub-party.ts'

type Step =
  | { readonly send: number; readonly by: number }
  | { readonly cut: number }
  | { readonly deafen: number }
  | { readonly heal: number }
  | { readonly settle: number }
  | { readonly rest: number }

const who = fc.nat(3)
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ send: fc.integer({ min: 1, max: 4 }), by: fc.nat(1) }) },
  { weight: 2, arbitrary: fc.record({ cut: who }) },
  { weight: 2, arbitrary: fc.record({ deafen: who }) },
  { weight: 3, arbitrary: fc.record({ heal: who }) },
  { weight: 3, arbitrary: fc.record({ settle: fc.integer({ min: 1, max: 6 }) }) },
  { weight: 2, arbitrary: fc.record({ rest: fc.nat(10) }) },
)

const settings = { heartbeatMs: 2_000, queryMs: 30, maxHeld: 2 }

/** Connections of two callers and two workers end, lose what is said, and come back, at any moment. */
async function play(steps: readonly Step[]): Promise<void> {
  const hub = new LinkHub()
  const callers = [await join(hub, settings), await join(hub, settings)]
  const workers = [await join(hub, settings), await join(hub, settings)]
  const all: readonly Party[] = [...callers, ...workers]
  const begun: string[] = []
  const open: (() => void)[] = []
  for (const worker of workers)
    await worker.consume({ credit: 2 }, (delivery) => {
      begun.push(delivery.task.tid)
      open.push(() => void delivery.ack(completeOf(delivery)).catch(() => undefined))
    })
  const sent: { readonly tid: string; readonly by: Party; readonly sending: Promise<unknown> }[] = []
  for (const each of steps) {
    if ('send' in each) {
      const by = callers[each.by]
      for (let count = 0; by !== undefined && count < each.send; count++) {
        const task = taskOf()
        const sending = by.transport.send(task)
        sending.catch(() => undefined)
        sent.push({ tid: task.tid, by, sending })
      }
    } else if ('cut' in each) all[each.cut]?.link.cut()
    else if ('deafen' in each) all[each.deafen]?.link.deafen()
    else if ('heal' in each) reconnect(all[each.heal])
    else if ('settle' in each) for (const settle of open.splice(0, each.settle)) settle()
    else await rest(each.rest)
  }
  // A connection that lost something ends, sooner or later; then everything is asked after.
  for (const party of all) reconnect(party)
  await until(
    () => {
      for (const settle of open.splice(0)) settle()
      return sent.every(({ tid, by }) => by.completions(tid).length > 0)
    },
    { what: () => `every task ends: ${JSON.stringify(steps)}`, timeoutMs: 5_000 },
  )
  for (const { tid, by, sending } of sent) {
    await sending
    expect(by.completions(tid)).toHaveLength(1)
    // Nobody died: whatever was lost could be asked for.
    expect(by.completions(tid)[0]?.status, tid).toBe('succeed')
  }
  expect(new Set(begun).size, `begun twice: ${JSON.stringify(steps)}`).toBe(begun.length)
  await Promise.all(all.map(({ transport }) => transport.close()))
}

function reconnect(party: Party | undefined): void {
  party?.link.cut()
  party?.link.heal()
}

function rest(turns: number): Promise<void> {
  return new Promise((resolve) => {
    const next = (left: number): void => {
      if (left === 0) resolve()
      else setImmediate(() => next(left - 1))
    }
    next(turns)
  })
}

it(
  'whatever the connections do, each task is begun at most once and ends once',
  { timeout: 60_000 },
  async () => {
    await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 30 }), play), { numRuns: 100 })
  },
)
