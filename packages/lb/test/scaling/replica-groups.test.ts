import { describe, expect, it } from 'vitest'
import type { ReplicaGroup } from '../../src/index.ts'
import { fleet } from '../support/fleet.ts'

const code = (name: string) => expect.objectContaining({ code: `ERR_AETHER_${name}` }) as Error

describe('replica groups', () => {
  const groups = { api: { minHealthy: 2, minZones: 2 } }
  const member = (i: number) => ({ group: 'api', zone: i < 3 ? 'a' : 'b' })

  it('keep as many healthy ones in as many zones as they need', async () => {
    const { lb } = fleet(4, { groups }, member)
    expect(() => lb.remove('b3')).toThrow(code('REPLICAS_SHORT'))
    lb.remove('b0')
    await expect(lb.drain('b3')).rejects.toThrow(code('REPLICAS_SHORT'))
    await lb.drain('b1')
    expect(() => lb.remove('b2')).toThrow(code('REPLICAS_SHORT'))
    expect(lb.groups()).toEqual([
      { group: 'api', total: 3, healthy: 2, zones: { a: 1, b: 1 }, isShort: false },
    ])
    lb.remove('b2', { force: true })
    expect(lb.groups()[0]).toMatchObject({ healthy: 1, isShort: true })
  })

  it('are left by a change only where a removal would be let through too', () => {
    const { lb } = fleet(4, { groups: { ...groups, other: {} } }, member)
    const before = lb.groups()
    expect(() => lb.update('b3', { group: 'other', weight: 5 })).toThrow(code('REPLICAS_SHORT'))
    expect(lb.groups()).toEqual(before)
    expect(lb.backends[3]!.weight).toBe(1)
    lb.update('b0', { group: 'other' })
    lb.update('b1', { group: 'other' })
    expect(() => lb.update('b2', { group: 'other' })).toThrow(
      'with this change group api would have 1 healthy',
    )
    expect(lb.update('b2', { group: 'api', weight: 2 }).weight).toBe(2)
    lb.update('b2', { group: 'other' }, { force: true })
    expect(lb.groups()).toMatchObject([
      { group: 'api', healthy: 1, isShort: true },
      { group: 'other', healthy: 3, isShort: false },
    ])
  })

  it('keep their zones when a backend is said to be elsewhere', () => {
    const { lb } = fleet(4, { groups }, member)
    expect(() => lb.update('b3', { zone: 'a' })).toThrow(code('REPLICAS_SHORT'))
    expect(lb.update('b3', { zone: 'c' }).zone).toBe('c')
    expect(lb.update('b0', { zone: 'c' }).zone).toBe('c')
    expect(lb.update('b3', { zone: 'a' }).zone).toBe('a')
    lb.update('b0', { zone: 'a' }, { force: true })
    expect(lb.groups()[0]).toMatchObject({ zones: { a: 4 }, isShort: true })
    // It is short already: this makes it no worse.
    expect(lb.update('b0', { zone: 'a' }).zone).toBe('a')
  })

  it('let one of two who want to leave at once, and not the other', async () => {
    const { lb } = fleet(3, { groups: { api: { minHealthy: 2 } } }, () => ({ group: 'api' }))
    const drains = await Promise.allSettled([lb.drain('b0'), lb.drain('b1'), lb.drain('b0')])
    expect(drains.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    expect(lb.backends.map(({ isDraining }) => isDraining)).toEqual([true, false, false])
    lb.restore('b0')
    await lb.drain('b1')
    lb.remove('b1')
    expect(() => lb.remove('b0')).toThrow(code('REPLICAS_SHORT'))
  })

  it('do not rely on one that nobody has looked at yet, or that is on probation', async () => {
    let isNewUp = false
    const { lb, clock } = fleet(
      2,
      {
        groups: { api: { minHealthy: 2 } },
        healthCheck: { probe: ({ id }) => id !== 'new' || isNewUp, healthyThreshold: 1, jitter: 0 },
        breaker: { failureThreshold: 1, timeoutMs: 1_000 },
      },
      () => ({ group: 'api' }),
    )
    expect(lb.groups()[0]).toMatchObject({ healthy: 2, isShort: false })
    lb.start()
    expect(lb.groups()[0]).toMatchObject({ healthy: 0, isShort: true })
    await clock.pass(1)
    lb.add({ id: 'new', host: 'h', port: 1, group: 'api' })
    expect(lb.groups()[0]).toMatchObject({ total: 3, healthy: 2 })
    expect(() => lb.remove('b0')).toThrow(code('REPLICAS_SHORT'))
    await clock.pass(20_000)
    expect(() => lb.remove('b0')).toThrow(code('REPLICAS_SHORT'))
    isNewUp = true
    await clock.pass(5_000)
    lb.pick({ exclude: lb.backends.slice(0, 2) }).done('failed')
    expect(() => lb.remove('b0')).toThrow(code('REPLICAS_SHORT'))
    clock.advance(1_000)
    expect(lb.backends[2]!.breakerState).toBe('half-open')
    expect(() => lb.remove('b0')).toThrow(code('REPLICAS_SHORT'))
    for (let n = 0; n < 2; n++) lb.pick({ exclude: lb.backends.slice(0, 2) }).done('ok')
    lb.remove('b0')
    await lb.close()
  })

  it('are those that there are: one by another name would be guarded by nobody', () => {
    const { lb } = fleet(1, { groups })
    expect(() => lb.add({ host: 'h', port: 1, group: 'apii' })).toThrow(code('OPTIONS_INVALID'))
    expect(() => lb.update('b0', { group: 'apii' })).toThrow('there is no group "apii": there are api')
    expect(lb.update('b0', { group: 'api' }).group).toBe('api')
    expect(fleet(0).lb.add({ host: 'h', port: 1, group: 'any' }).group).toBe('any')
  })

  it('and zones are left with null only by those that they can do without, unless forced', () => {
    const { lb } = fleet(3, { groups: { api: { minHealthy: 2, minZones: 2 } } }, (i) => ({
      group: 'api',
      zone: i === 0 ? 'a' : 'b',
    }))
    // No zone is a zone as well.
    expect(lb.update('b0', { zone: null }).zone).toBeUndefined()
    expect(() => lb.update('b0', { group: null })).toThrow(code('REPLICAS_SHORT'))
    expect(lb.update('b1', { group: null }).group).toBeUndefined()
    expect(() => lb.update('b2', { zone: null })).toThrow(code('REPLICAS_SHORT'))
    expect(lb.backends[2]!.zone).toBe('b')
    expect(lb.update('b2', { zone: null, group: null }, { force: true })).toMatchObject({
      zone: undefined,
      group: undefined,
    })
    expect(lb.groups()[0]).toMatchObject({ total: 1, isShort: true })
  })

  it('have zones by any name', () => {
    const names = ['__proto__', 'constructor', 'b']
    const { lb } = fleet(3, { groups: { api: { minZones: 3 } } }, (i) => ({ group: 'api', zone: names[i]! }))
    expect(lb.groups()[0]!.isShort).toBe(false)
    expect(Object.entries(lb.groups()[0]!.zones)).toEqual(names.map((name) => [name, 1]))
    expect(() => lb.remove('b0')).toThrow(code('REPLICAS_SHORT'))
  })

  it.each([
    { api: { minHealthy: -1 } },
    { api: { minZones: 1.5 } },
    { api: { healthy: 1 } },
    { api: 2 },
    [{ minHealthy: 1 }],
  ])('are refused where they make no sense: %j', (wrong) => {
    expect(() => fleet(0, { groups: wrong as unknown as Record<string, ReplicaGroup> })).toThrow(
      code('OPTIONS_INVALID'),
    )
  })

  it('count only those that are up: one that is down may go, the last that is up may not', async () => {
    const { lb, clock } = fleet(
      3,
      {
        groups: { api: { minHealthy: 2 } },
        healthCheck: { probe: ({ id }) => id !== 'b0', unhealthyThreshold: 1 },
      },
      () => ({ group: 'api' }),
    )
    lb.start()
    await clock.pass(1)
    expect(() => lb.remove('b1')).toThrow(code('REPLICAS_SHORT'))
    lb.remove('b0')
    await lb.close()
  })
})
