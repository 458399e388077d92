import { describe, expect, it } from 'vitest'
import type { BalancerOptions, LbRequest, PickExplanation } from '../../src/index.ts'
import { fleet, type Fleet } from '../support/fleet.ts'

function last({ lb }: Fleet): PickExplanation {
  return lb.explain().at(-1)!
}

describe('explain', () => {
  it('tells of each pick who was compared, with which scores, who was taken, from where, and when', () => {
    const made = fleet(3, { algorithm: 'p2c' })
    const lease = made.lb.pick({ id: 'r1' })
    const pick = last(made)
    expect(pick).toMatchObject({
      requestId: 'r1',
      algorithm: 'p2c',
      pool: 'priority 0',
      backendId: lease.backend.id,
      isSticky: false,
      homeId: undefined,
      excluded: [],
      at: made.clock.now(),
    })
    expect(pick.candidates).toHaveLength(2)
    expect(pick.candidates.map((candidate) => candidate.backendId)).toContain(lease.backend.id)
    for (const { score } of pick.candidates) expect(score).toBeTypeOf('number')
  })

  it('keeps the last ones, the oldest first, and none when told to', () => {
    const { lb } = fleet(2, { explain: 3 })
    for (let n = 0; n < 5; n++) lb.choose({ id: `r${n}` })
    expect(lb.explain().map((pick) => pick.requestId)).toEqual(['r2', 'r3', 'r4'])
    const { lb: silent } = fleet(2, { explain: 0 })
    silent.choose()
    expect(silent.explain()).toEqual([])
  })

  it.each<[reason: string, BalancerOptions, arrange: (made: Fleet) => LbRequest | undefined | void]>([
    ['draining', {}, ({ lb }) => void lb.drain('b0')],
    [
      'breaker-open',
      { breaker: { failureThreshold: 1 } },
      ({ lb }) => lb.pick({ exclude: [lb.backends[1]!] }).done('failed'),
    ],
    [
      'ejected',
      { outlier: { consecutiveFailures: 1 }, breaker: false },
      ({ lb }) => lb.pick({ exclude: [lb.backends[1]!] }).done('failed'),
    ],
    [
      'full',
      {},
      ({ lb }) => void [lb.update('b0', { maxConnections: 1 }), lb.pick({ exclude: [lb.backends[1]!] })],
    ],
    ['excluded', {}, ({ lb }) => ({ exclude: [lb.backends[0]!] })],
    ['incapable', {}, ({ lb }) => (lb.update('b1', { capabilities: ['gpu'] }), { requires: ['gpu'] })],
    [
      'probing',
      { breaker: { failureThreshold: 1, halfOpenMaxCalls: 1, timeoutMs: 10 } },
      ({ lb, clock }) => {
        lb.pick({ exclude: [lb.backends[1]!] }).done('failed')
        clock.advance(10)
        lb.pick({ exclude: [lb.backends[1]!] })
        return undefined
      },
    ],
  ])('says of one who was not to be had: %s', (reason, options, arrange) => {
    const made = fleet(2, { panicThreshold: 0, ...options })
    const request = arrange(made)
    expect(made.lb.choose(request ?? {})!.id).toBe('b1')
    expect(last(made).excluded).toEqual([{ backendId: 'b0', reason }])
  })

  it('says who had had the request before', async () => {
    const made = fleet(2, { random: () => 0 })
    const seen: string[] = []
    const running = made.lb.route({ idempotent: true }, ({ backend }) => {
      seen.push(backend.id)
      if (seen.length === 1) throw new Error('broken')
      return 1
    })
    await made.clock.pass(100)
    await running
    expect(last(made)).toMatchObject({
      backendId: seen[1],
      excluded: [{ backendId: seen[0], reason: 'tried' }],
    })
  })

  it('says who was at its bound', () => {
    const made = fleet(2, { algorithm: { name: 'rendezvous', boundedLoad: 1.25 } })
    const home = made.lb.pick({ key: 'k' }).backend.id
    made.lb.pick({ key: 'k' })
    made.lb.pick({ key: 'k' })
    expect(
      made.lb
        .explain()
        .some(({ excluded }) =>
          excluded.some((each) => each.backendId === home && each.reason === 'bounded'),
        ),
    ).toBe(true)
  })

  it('says where a session is at home, and why it could not go there', () => {
    const made = fleet(3, {
      affinity: { by: 'session' },
      breaker: { failureThreshold: 2 },
      panicThreshold: 0,
    })
    const request = { sessionId: 'ann' }
    const lease = made.lb.pick(request)
    const home = lease.backend.id
    expect(last(made)).toMatchObject({ isSticky: false, homeId: undefined, backendId: home })
    made.lb.pick(request).done()
    expect(last(made)).toMatchObject({ isSticky: true, homeId: home, backendId: home })
    made.lb.update(home, { maxConnections: 1 })
    made.lb.pick(request).done()
    expect(last(made)).toMatchObject({ isSticky: false, homeId: home })
    expect(last(made).excluded).toEqual([{ backendId: home, reason: 'full' }])
    made.lb.update(home, { maxConnections: 10 })
    lease.done('failed')
    made.lb.pick(request).done('failed')
    made.lb.pick(request)
    expect(last(made)).toMatchObject({ isSticky: false, homeId: home })
    expect(last(made).backendId).not.toBe(home)
    expect(last(made).excluded).toEqual([{ backendId: home, reason: 'breaker-open' }])
    // The next one is not told of it again.
    made.lb.pick({})
    expect(last(made).homeId).toBeUndefined()
  })

  it('says so when there was nobody', () => {
    const made = fleet(0)
    made.lb.choose({ id: 'r' })
    expect(last(made)).toMatchObject({
      requestId: 'r',
      backendId: undefined,
      pool: '',
      candidates: [],
      excluded: [],
    })
  })

  it('tells no more than eight of a thousand that were full', () => {
    const made = fleet(1_000, { algorithm: 'least-connections' }, () => ({ maxConnections: 1 }))
    for (let n = 0; n < 1_000; n++) made.lb.pick()
    expect(made.lb.choose()).toBeUndefined()
    expect(last(made).excluded).toHaveLength(8)
  })
})
