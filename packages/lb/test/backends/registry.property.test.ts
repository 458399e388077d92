import fc from 'fast-check'
import { expect, it } from 'vitest'
import { type Drained, type Lease, seededRandom } from '../../src/index.ts'
import { fleet } from '../support/fleet.ts'

const names = ['a', 'b', 'c', 'd', 'e', 'f'] as const
const zones = ['x', 'y'] as const
const needs = { minHealthy: 2, minZones: 2 }

const id = fc.constantFrom(...names)
const zone = fc.constantFrom(...zones)
const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('add' as const), id, zone, isMember: fc.boolean() }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('remove' as const), id, force: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('drain' as const), id, force: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('restore' as const), id }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('update' as const),
      id,
      zone,
      isMember: fc.boolean(),
      force: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('flip' as const), id }) },
  { weight: 4, arbitrary: fc.constant({ kind: 'pick' as const }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('done' as const), which: fc.nat(20) }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: fc.constantFrom(1, 150, 1_000, 3_000) }),
  },
)

interface Known {
  zone: string
  isMember: boolean
  isUp: boolean
  isDraining: boolean
  active: number
}

type Code = string | undefined

const codeOf = (act: () => unknown): Code => {
  try {
    act()
    return undefined
  } catch (error) {
    return (error as { code: string }).code
  }
}

it('what is there, who takes requests and who may leave is as a list would tell', async () => {
  const refused = new Set<Code>()
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 100 }), fc.nat(), async (steps, seed) => {
      const down = new Set<string>()
      const { lb, clock } = fleet(0, {
        random: seededRandom(seed),
        healthCheck: {
          probe: (backend) => !down.has(backend.id),
          intervalMs: 900,
          jitter: 0,
          unhealthyThreshold: 1,
          healthyThreshold: 1,
        },
        groups: { api: needs, other: { minHealthy: 0, minZones: 0 } },
        panicThreshold: 0,
        breaker: false,
        drainTimeoutMs: 2_000,
        explain: 0,
      })
      lb.start()
      const model = new Map<string, Known>()
      const leases: { lease: Lease; known: Known }[] = []
      const drains: Promise<Drained>[] = []

      const holdsUp = (known: Known): boolean => known.isMember && known.isUp && !known.isDraining
      const mayLeave = (known: Known, force: boolean): boolean => {
        if (force || !holdsUp(known)) return true
        const rest = [...model.values()].filter((each) => each !== known && holdsUp(each))
        return (
          rest.length >= needs.minHealthy && new Set(rest.map((each) => each.zone)).size >= needs.minZones
        )
      }
      const zonesOf = (list: readonly Known[]): number => new Set(list.map((one) => one.zone)).size
      /** Whoever stays may only not be the last of its zone. */
      const mayMove = (known: Known, to: { readonly zone: string; readonly isMember: boolean }): boolean => {
        if (!holdsUp(known)) return true
        if (!to.isMember) return mayLeave(known, false)
        const before = [...model.values()].filter(holdsUp)
        const after = before.map((one) => (one === known ? { ...one, zone: to.zone } : one))
        return zonesOf(after) >= Math.min(needs.minZones, zonesOf(before))
      }
      const leave = (known: Known | undefined, force: boolean): Code => {
        if (known === undefined) return 'ERR_AETHER_BACKEND_UNKNOWN'
        return mayLeave(known, force) ? undefined : 'ERR_AETHER_REPLICAS_SHORT'
      }

      for (const each of steps) {
        const known = 'id' in each ? model.get(each.id) : undefined
        let expected: Code
        let got: Code
        if (each.kind === 'add') {
          const group = each.isMember ? { group: 'api' } : {}
          expected = known === undefined ? undefined : 'ERR_AETHER_BACKEND_DUPLICATE'
          got = codeOf(() =>
            lb.add({ id: each.id, host: 'h', port: 1, zone: each.zone, maxConnections: 2, ...group }),
          )
          if (known === undefined) {
            model.set(each.id, { ...each, isUp: !down.has(each.id), isDraining: false, active: 0 })
            await clock.pass(0)
          }
        } else if (each.kind === 'remove') {
          expected = leave(known, each.force)
          got = codeOf(() => lb.remove(each.id, { force: each.force }))
          if (expected === undefined) model.delete(each.id)
        } else if (each.kind === 'drain') {
          expected = leave(known, each.force)
          const drain = lb.drain(each.id, { force: each.force })
          if (expected === undefined) {
            known!.isDraining = true
            drains.push(drain)
          } else
            got = await drain.then(
              () => undefined,
              (error: { code: string }) => error.code,
            )
        } else if (each.kind === 'restore') {
          expected = known === undefined ? 'ERR_AETHER_BACKEND_UNKNOWN' : undefined
          got = codeOf(() => lb.restore(each.id))
          if (known !== undefined) known.isDraining = false
        } else if (each.kind === 'update') {
          if (known === undefined) expected = 'ERR_AETHER_BACKEND_UNKNOWN'
          else if (!each.force && !mayMove(known, each)) expected = 'ERR_AETHER_REPLICAS_SHORT'
          const change = { zone: each.zone, group: each.isMember ? 'api' : 'other', weight: 2 }
          got = codeOf(() => lb.update(each.id, change, { force: each.force }))
          if (known !== undefined && expected === undefined) {
            known.zone = each.zone
            known.isMember = each.isMember
          }
        } else if (each.kind === 'flip') {
          if (!down.delete(each.id)) down.add(each.id)
          await clock.pass(1_000)
          for (const [key, one] of model) one.isUp = !down.has(key)
        } else if (each.kind === 'pick') {
          const free = [...model.values()].some((one) => one.isUp && !one.isDraining && one.active < 2)
          got = codeOf(() => {
            const lease = lb.pick()
            const chosen = model.get(lease.backend.id)!
            expect(chosen).toMatchObject({ isUp: true, isDraining: false })
            chosen.active++
            leases.push({ lease, known: chosen })
          })
          expect(got === undefined).toBe(free)
          continue
        } else if (each.kind === 'done') {
          const [ended] = leases.splice(each.which % Math.max(1, leases.length), 1)
          ended?.lease.done()
          if (ended !== undefined) ended.known.active--
        } else await clock.pass(each.ms)
        expect(got).toBe(expected)
        refused.add(got)

        expect(lb.backends.map((backend) => backend.id)).toEqual([...model.keys()])
        for (const backend of lb.backends) {
          const { zone: where, isUp, isDraining, active } = model.get(backend.id)!
          expect(backend).toMatchObject({ zone: where, isDraining, active })
          expect(backend.health).toBe(isUp ? 'healthy' : 'unhealthy')
        }
        const members = [...model.values()].filter((one) => one.isMember)
        expect(lb.groups()[0]).toMatchObject({
          total: members.length,
          healthy: members.filter(holdsUp).length,
        })
      }
      // However it went, whoever waits hears of it in time, and nothing is left behind.
      await clock.pass(2_100)
      await Promise.all(drains)
      for (const { lease } of leases) lease.done()
      await lb.close()
      expect(clock.pending).toBe(0)
    }),
    { numRuns: 100 },
  )
  expect([...refused]).toEqual(
    expect.arrayContaining([
      undefined,
      'ERR_AETHER_BACKEND_DUPLICATE',
      'ERR_AETHER_BACKEND_UNKNOWN',
      'ERR_AETHER_REPLICAS_SHORT',
    ]),
  )
}, 60_000)
