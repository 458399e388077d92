import fc from 'fast-check'
import { expect, test } from 'vitest'

import type { Delivery } from '../../src/transport.ts'
import { completeOf, failure, type Member, party, route, statusOf, taskOf } from '../support/lease-party.ts'

const workers = 4
const groups = ['workers', 'audit']

interface Acked {
  readonly key: string
  readonly attempt: number
}

interface Step {
  readonly kind: 'cancel' | 'cut' | 'freeze' | 'heal' | 'kill' | 'perform' | 'thaw'
  readonly which: number
  readonly afterMs: number
}

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.oneof(
    { weight: 10, arbitrary: fc.constant('perform' as const) },
    {
      weight: 5,
      arbitrary: fc.constantFrom(
        'cancel' as const,
        'freeze' as const,
        'thaw' as const,
        'kill' as const,
        'cut' as const,
        'heal' as const,
      ),
    },
  ),
  which: fc.nat({ max: 19 }),
  afterMs: fc.nat({ max: 1_500 }),
})

const schedule = fc.record({
  seed: fc.nat(),
  lossPercent: fc.nat({ max: 40 }),
  repeatPercent: fc.nat({ max: 40 }),
  slowMs: fc.nat({ max: 400 }),
  steps: fc.array(step, { minLength: 5, maxLength: 25 }),
})

/** A small generator with a seed (mulberry32), so that a failing schedule fails again. */
function randomOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** A worker as careless as they come: it takes a while, sometimes fails, gives up, forgets to renew, or is killed meanwhile. */
function work(
  member: Member,
  workgroup: string,
  given: { readonly random: () => number; readonly acked: Acked[] },
): (delivery: Delivery) => void {
  const { random, acked } = given
  return (delivery) => {
    let isRevoked = false
    delivery.onRevoke(() => {
      isRevoked = true
    })
    const tookMs = random() * 1_500
    const fate = random()
    member.clock.setTimer(() => {
      if (!isRevoked) delivery.report({ ...statusOf(delivery, 1), workgroup }).catch(() => undefined)
      if (!isRevoked && fate < 0.8) delivery.renew().catch(() => undefined)
    }, tookMs / 2)
    member.clock.setTimer(() => {
      if (fate > 0.95) return
      if (fate > 0.8) {
        delivery.release({ failed: fate > 0.85, delayMs: 200, error: failure }).catch(() => undefined)
        return
      }
      delivery.ack(completeOf(delivery, { workgroup, client: member.relay.inbox })).then(
        () => acked.push({ key: `${workgroup} ${delivery.task.tid}`, attempt: delivery.attempt }),
        () => undefined,
      )
    }, tookMs)
  }
}

test('whatever is lost, repeated, late, killed or frozen: each accepted task ends once, at most one completion counts, nothing stays behind', async () => {
  await fc.assert(
    fc.asyncProperty(schedule, async ({ seed, lossPercent, repeatPercent, slowMs, steps }) => {
      const random = randomOf(seed)
      const { clock, hub, member, close } = party({ random, resendMs: 300, resendMaxMs: 2_000 })
      const acked: Acked[] = []
      const caller = await member('caller')
      const cut = new Set<string>()
      hub.fate = ({ from, to }) => {
        if (cut.has(from) || cut.has(to) || random() * 100 < lossPercent) return []
        const first = 1 + random() * slowMs
        return random() * 100 < repeatPercent ? [first, first + random() * 1_000] : [first]
      }
      const members: Member[] = []
      for (let n = 0; n < workers; n++) {
        const worker = await member(`worker-${n}`)
        members.push(worker)
        for (const workgroup of groups) {
          await worker.consume(
            { workgroup, credit: 2, leaseMs: 1_200 },
            work(worker, workgroup, { random, acked }),
          )
        }
      }
      const tids: string[] = []
      const codes = new Set<string>()
      for (const { kind, which, afterMs } of steps) {
        const chosen = members[which % workers] as Member
        if (kind === 'perform') {
          const tid = `t${tids.length}`
          tids.push(tid)
          await caller.transport.send(taskOf(tid, { deadline: clock.now() + 20_000 }))
        } else if (kind === 'cancel') {
          // An unknown tid is asked for until the clock has moved on.
          caller.transport
            .cancel(route, `t${which}`, 'x')
            .catch((error: { code: string }) => codes.add(error.code))
        } else if (kind === 'cut') cut.add(chosen.relay.inbox)
        else if (kind === 'heal') cut.delete(chosen.relay.inbox)
        else chosen[kind]()
        await clock.advance(afterMs)
      }
      for (const { thaw } of members) thaw()
      await clock.advance(30_000)

      for (const tid of tids) {
        expect(caller.completions(tid), `completions of ${tid}`).toHaveLength(1)
        const [complete] = caller.completions(tid)
        const accepted = acked.filter(({ key }) => key === `workers ${tid}`)
        expect(accepted.length, `accepted acks of ${tid}`).toBeLessThanOrEqual(1)
        // What a worker was told to be accepted is what the caller got.
        for (const { attempt } of accepted) expect(complete).toMatchObject({ status: 'succeed', attempt })
        expect(acked.filter(({ key }) => key === `audit ${tid}`).length).toBeLessThanOrEqual(1)
      }
      for (const code of codes) expect(code).toBe('ERR_AETHER_TASK_UNKNOWN')
      await close()
      for (const { clock: own } of [caller, ...members]) expect(own.timers).toBe(0)
      expect(clock.timers).toBe(0)
    }),
    { numRuns: 100 },
  )
}, 60_000)
