import { describe, expect, it } from 'vitest'
import { type LbEvent, type Resolve, seededRandom } from '../../src/index.ts'
import { type Fleet, fleet } from '../support/fleet.ts'
import { settle } from '../support/manual-clock.ts'

const code = (name: string) => expect.objectContaining({ code: `ERR_AETHER_${name}` }) as Error
const never = new Promise<never>(() => {})

/** A balancer with a resolver whose answer can be changed, and that counts how often it is asked. */
function resolving(first: unknown) {
  const dns = {
    answer: (): unknown => first,
    asked: [] as number[],
    says(addresses: unknown) {
      dns.answer = () => addresses
    },
  }
  const made: Fleet = fleet(0, {
    random: seededRandom(7),
    resolve: (name) => {
      expect(name).toBe('api.internal')
      dns.asked.push(made.clock.time)
      return dns.answer() as ReturnType<Resolve>
    },
  })
  return { ...made, dns }
}

const api = { host: 'api.internal', port: 80, refreshMs: 1_000 }
const hosts = ({ lb }: Fleet): string[] => lb.backends.map(({ host }) => host)

async function typesOf(events: AsyncIterable<LbEvent>): Promise<string[]> {
  const types: string[] = []
  for await (const { type } of events) types.push(type)
  return types
}

describe('a name', () => {
  it('becomes one backend an address, however the addresses are written', async () => {
    const made = resolving(['10.0.0.1', '::1', '[::1]', '0:0:0:0:0:0:0:1', '10.0.0.1', '2001:DB8::A'])
    const name = await made.lb.addName({ ...api, weight: 2 })
    expect(name).toMatchObject({ id: 'api.internal:80', name: 'api.internal' })
    expect(made.lb.backends.map(({ id, host, hostname, weight }) => [id, host, hostname, weight])).toEqual([
      ['api.internal/10.0.0.1:80', '10.0.0.1', 'api.internal', 2],
      ['api.internal/[::1]:80', '::1', 'api.internal', 2],
      ['api.internal/[2001:db8::a]:80', '2001:db8::a', 'api.internal', 2],
    ])
    made.dns.says(['2001:db8::a', '::1'])
    await made.clock.pass(1_100)
    expect(hosts(made)).toEqual(['::1', '2001:db8::a'])
    await made.lb.close()
    expect(made.clock.pending).toBe(0)
  })

  it('is asked about again and again, not quite in step', async () => {
    const { lb, clock, dns } = resolving(['10.0.0.1'])
    await lb.addName(api)
    await clock.pass(60_000)
    const gaps = dns.asked.slice(1).map((at, index) => at - dns.asked[index]!)
    expect(gaps.length).toBeGreaterThan(50)
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(900)
    expect(Math.max(...gaps)).toBeLessThanOrEqual(1_100)
    expect(new Set(gaps.map(Math.round)).size).toBeGreaterThan(20)
    await lb.close()
  })

  it('is asked about again as soon as an answer holds no longer, but not all the time, and no later than otherwise', async () => {
    const address = '10.0.0.1'
    const { lb, clock, dns } = resolving([
      { address, ttl: 20 },
      { address: '10.0.0.2', ttl: 300 },
      '10.0.0.3',
    ])
    await lb.addName({ ...api, refreshMs: 60_000 })
    expect(lb.backends).toHaveLength(3)
    // Each answer shows in the gap that follows it.
    const answers: [() => unknown, beforeMs: number][] = [
      [() => [{ address, ttl: 0 }], 20_000],
      [() => [{ address, ttl: 86_400 }], 1_000],
      [() => [{ address }], 60_000],
      [() => [{ address, ttl: 4 }], 60_000],
      [() => Promise.reject(new Error('SERVFAIL')), 4_000],
      [() => [address], 4_000],
      [() => [address], 60_000],
    ]
    for (const [answer, beforeMs] of answers) {
      dns.answer = answer
      const { length } = dns.asked
      while (dns.asked.length === length) await clock.pass(100)
      const gapMs = dns.asked[length]! - dns.asked[length - 1]!
      expect(gapMs).toBeGreaterThanOrEqual(beforeMs * 0.9)
      expect(gapMs).toBeLessThanOrEqual(beforeMs * 1.1)
    }
    await lb.close()
    expect(clock.pending).toBe(0)
  })

  it.each<[string, () => unknown, RegExp]>([
    ['takes for ever', () => never, /no answer within 5000 ms/],
    [
      'throws',
      () => {
        throw new Error('broken')
      },
      /broken/,
    ],
    ['fails', () => Promise.reject(new Error('SERVFAIL')), /SERVFAIL/],
    ['finds nothing', () => [], /no addresses/],
    ['answers with no list', () => '10.0.0.1', /no addresses/],
    ['answers with nothing', () => undefined, /no addresses/],
    ['answers with a number', () => ['10.0.0.2', 5], /addresses\[1\] must be/],
    ['answers with a text that is no address', () => ['10.0.0.2', 'a b'], /addresses\[1\] must be/],
    ['answers with no address', () => [{ host: '10.0.0.2' }], /addresses\[0\].address must be/],
    ['answers with a time that is none', () => [{ address: '10.0.0.2', ttl: -1 }], /addresses\[0\].ttl must/],
  ])('is refused at first, and stays as it was later, where the resolver %s', async (_, answer, error) => {
    const made = resolving(['10.0.0.1'])
    const { lb, clock, dns } = made
    const good = dns.answer
    dns.answer = answer
    const refused = lb.addName(api).catch((reason: unknown) => reason)
    await clock.pass(5_000)
    expect(await refused).toMatchObject({
      code: 'ERR_AETHER_BACKENDS_NONE',
      retryable: true,
      message: expect.stringMatching(error),
    })
    expect([lb.backends.length, clock.pending]).toEqual([0, 0])

    dns.answer = good
    await lb.addName(api)
    const events = lb.events()
    dns.answer = answer
    await clock.pass(6_200)
    expect(await events.next()).toMatchObject({
      value: { type: 'resolve-failed', name: 'api.internal', error: expect.stringMatching(error) },
    })
    expect(hosts(made)).toEqual(['10.0.0.1'])
    dns.says(['10.0.0.9'])
    await clock.pass(6_200)
    expect(hosts(made)).toEqual(['10.0.0.9'])
    await lb.close()
    expect(clock.pending).toBe(0)
  })

  it('hears no answer that comes too late', async () => {
    const made = resolving(['10.0.0.1'])
    await made.lb.addName({ ...api, resolveTimeoutMs: 100 })
    let answer: (addresses: string[]) => void = () => {}
    made.dns.answer = () => new Promise<string[]>((resolve) => (answer = resolve))
    await made.clock.pass(1_200)
    answer(['10.6.6.6'])
    await settle()
    expect(hosts(made)).toEqual(['10.0.0.1'])
    await made.lb.close()
  })

  it('ends with the balancer, also while it is asked about for the first time', async () => {
    const { lb, clock, dns } = resolving(never)
    const adding = lb.addName(api).catch((reason: unknown) => reason)
    await settle()
    await lb.close()
    expect(await adding).toMatchObject({ code: 'ERR_AETHER_BALANCER_CLOSED' })
    expect([lb.backends.length, clock.pending]).toEqual([0, 0])
    await clock.pass(60_000)
    expect(dns.asked).toHaveLength(1)
  })

  it('that is asked about for the first time is nobody else’s to look at yet', async () => {
    const { lb, clock, dns } = resolving(never)
    const adding = lb.addName(api).catch((reason: unknown) => reason)
    await settle()
    dns.says(['10.0.0.1'])
    expect(await lb.execute({ operation: 'list_names' })).toMatchObject({ names: [] })
    const refreshing = lb.execute({ operation: 'refresh_name', name_id: 'api.internal:80' })
    await expect(refreshing).rejects.toThrow(code('BACKEND_UNKNOWN'))
    await expect(lb.addName(api)).rejects.toThrow(code('BACKEND_DUPLICATE'))
    await clock.pass(60_000)
    expect(await adding).toMatchObject({ code: 'ERR_AETHER_BACKENDS_NONE' })
    expect([dns.asked.length, lb.backends.length, clock.pending]).toEqual([1, 0, 0])
    await lb.close()
  })

  it('that is answered in the moment of closing adds nothing', async () => {
    for (let turns = 0; turns < 6; turns++) {
      let answer: (addresses: string[]) => void = () => {}
      const { lb, clock } = resolving(new Promise<string[]>((resolve) => (answer = resolve)))
      const adding = lb.addName(api).then(
        () => 'added',
        (error: { code: string }) => error.code,
      )
      await settle()
      answer(['10.0.0.1'])
      for (let turn = 0; turn < turns; turn++) await Promise.resolve()
      const count = lb.backends.length
      await lb.close()
      expect(await adding).toBe(count === 0 ? 'ERR_AETHER_BALANCER_CLOSED' : 'added')
      expect([lb.backends.length, clock.pending]).toEqual([count, 0])
    }
  })

  it('that is closed while it is asked about changes nothing any more', async () => {
    for (let turns = 0; turns < 6; turns++) {
      const made = resolving(['10.0.0.1'])
      const name = await made.lb.addName(api)
      let answer: (addresses: string[]) => void = () => {}
      made.dns.says(new Promise<string[]>((resolve) => (answer = resolve)))
      const running = name.refresh()
      answer(['10.0.0.2'])
      for (let turn = 0; turn < turns; turn++) await Promise.resolve()
      const before = hosts(made)
      name.close()
      await running
      await settle()
      // One that the answer before had dropped may go yet; none comes.
      expect(before).toEqual(expect.arrayContaining(hosts(made)))
      await made.lb.close()
    }
  })

  it('that is closed is asked about no more, leaves its backends, and may be followed anew', async () => {
    const made = resolving(['10.0.0.1', '10.0.0.2'])
    const { lb, clock, dns } = made
    const name = await lb.addName(api)
    await expect(lb.addName(api)).rejects.toThrow(code('BACKEND_DUPLICATE'))
    await lb.addName({ ...api, port: 81 })
    const running = name.refresh()
    dns.says(['10.0.0.9'])
    name.close()
    await running
    const asked = dns.asked.length
    await name.refresh()
    await clock.pass(500)
    expect(hosts(made)).toEqual(['10.0.0.1', '10.0.0.2', '10.0.0.1', '10.0.0.2'])
    await lb.addName({ ...api, weight: 5, refreshMs: 60_000 })
    expect(dns.asked).toHaveLength(asked + 1)
    expect(hosts(made)).toContain('10.0.0.9')
    dns.says(['10.0.0.1'])
    const again = await lb.addName({ ...api, port: 82 })
    expect(again.backends).toHaveLength(1)
    await lb.close()
    expect(clock.pending).toBe(0)
  })

  it('finds backends that it left, and makes them as they should be now', async () => {
    const made = resolving(['10.0.0.1'])
    const { lb } = made
    const name = await lb.addName(api)
    const [backend] = lb.backends
    const lease = lb.pick()
    name.close()
    void lb.drain(backend!.id)
    const again = await lb.addName({ ...api, weight: 5 })
    expect(again.backends).toEqual([backend])
    expect(backend).toMatchObject({ weight: 5, isDraining: false, active: 1 })
    lease.done()
    await lb.close()
  })

  it('stay together in their replica group, or leave it together', async () => {
    const { lb } = fleet(0, {
      groups: { api: { minHealthy: 1 }, other: {} },
      resolve: async () => ['10.0.0.1', '10.0.0.2'],
    })
    const name = await lb.addName({ host: 'api.internal', port: 80, group: 'api' })
    expect(() => name.update({ group: 'other', weight: 4 })).toThrow(code('REPLICAS_SHORT'))
    expect(lb.backends.map(({ group, weight }) => [group, weight])).toEqual([
      ['api', 1],
      ['api', 1],
    ])
    name.update({ group: 'other', weight: 4 }, { force: true })
    expect(lb.backends.map(({ group, weight }) => [group, weight])).toEqual([
      ['other', 4],
      ['other', 4],
    ])
    await lb.close()
  })

  it('changes those that are there and those that come', async () => {
    const made = resolving(['10.0.0.1'])
    const name = await made.lb.addName({ ...api, weight: 2 })
    name.update({ weight: 3, zone: 'z' })
    expect(made.lb.backends[0]).toMatchObject({ weight: 3, zone: 'z' })
    made.dns.says(['10.0.0.1', '10.0.0.2'])
    await name.refresh()
    expect(made.lb.backends[1]).toMatchObject({ weight: 3, zone: 'z', hostname: 'api.internal' })
    expect(() => name.update({ weight: 0 })).toThrow(code('OPTIONS_INVALID'))
    expect(() => name.update({ port: 81 } as object)).toThrow(code('OPTIONS_INVALID'))
    await made.lb.close()
  })

  it('takes those that are there, that come and that come back out of their zone', async () => {
    const made = resolving(['10.0.0.1', '10.0.0.2'])
    const { lb, dns } = made
    const name = await lb.addName({ ...api, zone: 'z', group: 'g' })
    const lease = lb.pick({ exclude: [lb.backends[1]!] })
    dns.says(['10.0.0.2'])
    await name.refresh()
    name.update({ zone: null })
    dns.says(['10.0.0.1', '10.0.0.2', '10.0.0.3'])
    await name.refresh()
    expect(lb.backends.map(({ host, zone, group }) => [host, zone, group])).toEqual([
      ['10.0.0.1', undefined, 'g'],
      ['10.0.0.2', undefined, 'g'],
      ['10.0.0.3', undefined, 'g'],
    ])
    lease.done()
    await expect(lb.addName({ ...api, port: 81, zone: null as unknown as string })).rejects.toThrow(
      code('OPTIONS_INVALID'),
    )
    await lb.close()
  })

  it('does not bring back what was removed by hand, until its address has left and returned', async () => {
    const made = resolving(['10.0.0.1', '10.0.0.2'])
    const name = await made.lb.addName(api)
    made.lb.remove('api.internal/10.0.0.1:80')
    expect(name.backends.map(({ host }) => host)).toEqual(['10.0.0.2'])
    await name.refresh()
    name.update({ weight: 2 })
    expect(hosts(made)).toEqual(['10.0.0.2'])
    made.dns.says(['10.0.0.2'])
    await name.refresh()
    made.dns.says(['10.0.0.1', '10.0.0.2'])
    await name.refresh()
    expect(hosts(made)).toEqual(['10.0.0.2', '10.0.0.1'])
    await made.lb.close()
  })

  it('takes an address back that leaves and returns while it drains, as often as it does', async () => {
    const made = resolving(['10.0.0.1', '10.0.0.2'])
    const { lb, clock, dns } = made
    const name = await lb.addName({ ...api, refreshMs: 1_000_000 })
    const lease = lb.pick({ exclude: [lb.backends[1]!] })
    for (let round = 0; round < 3; round++) {
      dns.says(['10.0.0.2'])
      await name.refresh()
      expect(lb.backends[0]).toMatchObject({ host: '10.0.0.1', isDraining: true })
      dns.says(['10.0.0.1', '10.0.0.2'])
      await name.refresh()
      await clock.pass(50_000)
      expect(lb.backends[0]).toMatchObject({ host: '10.0.0.1', isDraining: false, active: 1 })
    }
    dns.says(['10.0.0.2'])
    await name.refresh()
    await clock.pass(1_000)
    expect(lb.backends).toHaveLength(2)
    lease.done()
    await clock.pass(100)
    expect(hosts(made)).toEqual(['10.0.0.2'])
    await lb.close()
    expect(clock.pending).toBe(0)
  })

  it('lets one go whose requests never end, once the time is over; and leaves it where the balancer closes', async () => {
    const made = resolving(['10.0.0.1', '10.0.0.2'])
    const { lb, clock, dns } = made
    const name = await lb.addName(api)
    const [stuck] = lb.backends
    lb.pick({ exclude: [lb.backends[1]!] })
    dns.says(['10.0.0.2'])
    await name.refresh()
    await clock.pass(29_000)
    expect(hosts(made)).toContain(stuck!.host)
    await clock.pass(1_100)
    expect(hosts(made)).toEqual(['10.0.0.2'])

    const other = lb.pick()
    dns.says(['10.0.0.3'])
    await name.refresh()
    const events = lb.events()
    const closing = lb.close({ signal: AbortSignal.abort() })
    await settle()
    await closing
    expect(hosts(made)).toEqual(['10.0.0.2', '10.0.0.3'])
    expect(await typesOf(events)).not.toContain('backend-removed')
    expect(clock.pending).toBe(0)
    other.done()
  })

  it.each([
    { port: 0 },
    { host: 'a b' },
    { weight: 0 },
    { id: 'x' },
    { refreshMs: 0 },
    { resolveTimeoutMs: Number.NaN },
    { refresh: 1 },
  ])('is refused with %j', async (wrong) => {
    const { lb, dns } = resolving(['10.0.0.1'])
    await expect(lb.addName({ ...api, ...wrong })).rejects.toThrow(code('OPTIONS_INVALID'))
    expect(dns.asked).toEqual([])
  })

  it('goes through the resolver of the system where none is given', async () => {
    const { lb } = fleet(0)
    const name = await lb.addName({ host: 'localhost', port: 80 })
    expect(name.backends.every(({ host }) => host === '127.0.0.1' || host === '::1')).toBe(true)
    expect(name.backends.length).toBeGreaterThan(0)
    expect(lb.choose()).toBeDefined()
    await lb.close()
  })
})
