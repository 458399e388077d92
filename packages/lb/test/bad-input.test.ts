import { describe, expect, it } from 'vitest'
import { readConfig } from '../src/control/config.ts'
import { type Balancer, LbError, type LbErrorCode, type Probe } from '../src/index.ts'
import { ChaosClock } from './support/chaos-clock.ts'
import { fleet } from './support/fleet.ts'

/** What was thrown or rejected with, which must be an `LbError`. */
async function errorOf(call: () => unknown): Promise<LbError> {
  try {
    await call()
  } catch (error) {
    expect(error).toBeInstanceOf(LbError)
    return error as LbError
  }
  throw new Error('it was taken')
}

function expectRefusal(error: LbError, code: LbErrorCode, words: readonly string[]): void {
  expect(error.code).toBe(code)
  for (const word of words) expect(error.message).toContain(word)
}

/** It was as if nothing had been asked: the same backends, no slot held, and the next request is served. */
async function expectUnharmed(lb: Balancer, ids: readonly string[]): Promise<void> {
  expect(lb.backends.map(({ id }) => id)).toEqual(ids)
  expect(lb.getLoadDistribution()).toMatchObject({ active: 0, queued: 0 })
  expect(ids).toContain((await lb.route({}, ({ backend }) => backend.id)).value)
  expect(lb.getLoadDistribution().active).toBe(0)
}

describe('a backend', () => {
  it.each<[string, object, readonly string[]]>([
    ['a weight of 0', { weight: 0 }, ['weight', '0']],
    ['a negative weight', { weight: -2.5 }, ['weight', '-2.5']],
    ['a weight that is no number', { weight: Number.NaN }, ['weight', 'NaN']],
    ['an infinite weight', { weight: Number.POSITIVE_INFINITY }, ['weight', 'Infinity']],
    ['an empty host', { host: '' }, ['host', '""']],
    ['a blank host', { host: '  ' }, ['host', '"  "']],
    ['port 0', { port: 0 }, ['port', '0']],
    ['a negative port', { port: -1 }, ['port', '-1']],
    ['a port beyond 65535', { port: 65_536 }, ['port', '65536']],
    ['a port with a fraction', { port: 80.5 }, ['port', '80.5']],
    ['an unknown key', { wieght: 1 }, ['wieght']],
  ])('with %s is refused by name and value, and nothing else changes', async (_, wrong, words) => {
    const { lb } = fleet(1)
    const options = { host: 'h', port: 1, ...wrong }
    expectRefusal(await errorOf(() => lb.add(options)), 'ERR_AETHER_OPTIONS_INVALID', words)
    const { weight } = wrong as { weight?: number }
    if (weight !== undefined)
      expectRefusal(await errorOf(() => lb.update('b0', { weight })), 'ERR_AETHER_OPTIONS_INVALID', words)
    const operation = { operation: 'add_backend', backend_config: options }
    expectRefusal(await errorOf(() => lb.execute(operation)), 'ERR_AETHER_OPTIONS_INVALID', [words[0]!])
    await expectUnharmed(lb, ['b0'])
    expect(lb.backends[0]!.weight).toBe(1)
  })

  it('whose id is there already is refused, and the first one stays', async () => {
    const { lb } = fleet(1)
    const held = lb.pick()
    const error = await errorOf(() => lb.add({ id: 'b0', host: 'other', port: 1 }))
    expectRefusal(error, 'ERR_AETHER_BACKEND_DUPLICATE', ['b0'])
    expect(lb.backends[0]).toBe(held.backend)
    expect(lb.backends[0]!.active).toBe(1)
    held.done()
    await expectUnharmed(lb, ['b0'])
  })

  it('that is not there is named', async () => {
    const { lb } = fleet(1)
    for (const call of [
      () => lb.remove('b7'),
      () => lb.update('b7', {}),
      () => lb.drain('b7'),
      () => lb.restore('b7'),
      () => lb.checkHealth('b7'),
    ])
      expectRefusal(await errorOf(call), 'ERR_AETHER_BACKEND_UNKNOWN', ['b7'])
    await expectUnharmed(lb, ['b0'])
  })
})

describe('a request that is no object', () => {
  it.each([[null], ['x'], [7], [true]])('%j is refused, and nothing else changes', async (wrong) => {
    const { lb } = fleet(1)
    const request = wrong as unknown as object
    for (const ask of [
      () => lb.route(request, () => 'ok'),
      () => lb.pick(request),
      () => lb.choose(request),
      () => lb.addName(request as { host: string; port: number }),
    ])
      expectRefusal(await errorOf(ask), 'ERR_AETHER_OPTIONS_INVALID', [JSON.stringify(wrong)])
    await expectUnharmed(lb, ['b0'])
  })

  it.each<[string, unknown]>([
    ['id', 5],
    ['clientIp', 5],
    ['key', 5],
    ['sessionId', null],
    ['cookie', ['a=b']],
    ['method', 5],
    ['workload', {}],
    ['requires', 'gpu'],
    ['exclude', 'b0'],
    ['timeoutMs', '100'],
    ['signal', new AbortController()],
  ])('or has a %s of the wrong kind is refused by name, and nothing of it remains', async (name, value) => {
    const { lb, clock } = fleet(2, {
      algorithm: 'maglev',
      hedge: {},
      affinity: { by: 'session' },
      rateLimit: { perClient: { requestsPerSecond: 100 } },
    })
    const request = { [name]: value }
    for (const ask of [
      () => lb.route(request, () => Promise.reject(new Error('down'))),
      () => lb.pick(request),
      () => lb.choose(request),
    ])
      expectRefusal(await errorOf(ask), 'ERR_AETHER_OPTIONS_INVALID', [`request.${name} must be`])
    await expectUnharmed(lb, ['b0', 'b1'])
    const closing = lb.close()
    await clock.pass(0)
    await closing
    expect(clock.pending).toBe(0)
  })

  it('or has a key to limit by that is no text', async () => {
    const perKey = { key: () => 7 as unknown as string, requestsPerSecond: 1 }
    const { lb } = fleet(1, { rateLimit: { perKey } })
    expectRefusal(await errorOf(() => lb.route({}, () => 'ok')), 'ERR_AETHER_OPTIONS_INVALID', ['key', '7'])
    expect(lb.getLoadDistribution()).toMatchObject({ active: 0, queued: 0 })
  })
})

describe('nobody to serve', () => {
  it('is said at once where there are no backends, and is over with the first one', async () => {
    const { lb } = fleet(0)
    expectRefusal(await errorOf(() => lb.route({}, () => 1)), 'ERR_AETHER_BACKENDS_NONE', [
      'there are none, add one',
    ])
    expectRefusal(await errorOf(() => lb.pick()), 'ERR_AETHER_BACKENDS_NONE', ['there are none, add one'])
    expect(lb.choose()).toBeUndefined()
    lb.add({ id: 'b0', host: 'h', port: 1 })
    await expectUnharmed(lb, ['b0'])
  })

  it('is said with the number of those that are down, and is over when one comes back', async () => {
    let isUp = false
    const { lb, clock } = fleet(2, {
      panicThreshold: 0,
      healthCheck: { probe: () => isUp, unhealthyThreshold: 1, healthyThreshold: 1 },
    })
    lb.start()
    await clock.pass(10_000)
    expectRefusal(await errorOf(() => lb.route({}, () => 1)), 'ERR_AETHER_BACKENDS_NONE', ['2'])
    expectRefusal(await errorOf(() => lb.pick()), 'ERR_AETHER_BACKENDS_NONE', ['2'])
    isUp = true
    await clock.pass(20_000)
    await expectUnharmed(lb, ['b0', 'b1'])
    await lb.close()
    expect(clock.pending).toBe(0)
  })

  it('is said as such where all breakers are open, and is over once their time has passed', async () => {
    const { lb, clock } = fleet(2, { breaker: { failureThreshold: 1, timeoutMs: 1_000 } })
    for (const backend of lb.backends)
      lb.pick({ exclude: lb.backends.filter((other) => other !== backend) }).done('failed')
    expectRefusal(await errorOf(() => lb.route({}, () => 1)), 'ERR_AETHER_BREAKER_OPEN', ['2'])
    await clock.pass(1_000)
    await expectUnharmed(lb, ['b0', 'b1'])
  })
})

describe('an unknown name', () => {
  it.each(['best', 'ROUND-ROBIN', 'toString', ''])('of an algorithm, "%s", is refused', async (name) => {
    const wrong = { algorithm: name as 'p2c' }
    expectRefusal(await errorOf(() => fleet(1, wrong)), 'ERR_AETHER_ALGORITHM_INVALID', [`"${name}"`])
    const { lb } = fleet(1)
    const change = (): unknown => lb.configureAlgorithm(name as 'p2c')
    expectRefusal(await errorOf(change), 'ERR_AETHER_ALGORITHM_INVALID', [`"${name}"`, 'p2c'])
    expect(lb.getLoadDistribution().algorithm).toBe('p2c')
    await expectUnharmed(lb, ['b0'])
  })

  it.each(['reboot', 'toString', '__proto__', ''])('of an operation, "%s", is refused', async (operation) => {
    const { lb } = fleet(1)
    const error = await errorOf(() => lb.execute({ operation }))
    expectRefusal(error, 'ERR_AETHER_OPERATION_INVALID', [`"${operation}"`, 'add_backend'])
    await expectUnharmed(lb, ['b0'])
  })

  it.each([
    ['load_balancing:\n  retries: 3', 'retries'],
    ['load_balancer: {}', 'load_balancer'],
    ['load_balancing:\n  health_check:\n    intervall: 5', 'intervall'],
    ['backends:\n  - { host: h, port: 1, colour: red }', 'colour'],
  ])('of a key in a configuration, %j, is refused', async (text, key) => {
    expectRefusal(await errorOf(() => readConfig(text)), 'ERR_AETHER_OPTIONS_INVALID', [key])
  })

  it.each<[object, string]>([
    [{ algorithms: 'p2c' }, 'algorithms'],
    [{ breaker: { threshold: 3 } }, 'threshold'],
    [{ healthCheck: { probe: 'tcp', every: 5 } }, 'every'],
    [{ queue: { size: 5 } }, 'size'],
    [{ logger: { log() {} } }, 'logger.debug'],
    [{ logger: null }, 'logger.debug'],
    [{ clock: { now: Date.now } }, 'clock.monotonic'],
  ])('of an option, %j, or of what it lacks, is refused', async (options, key) => {
    const error = await errorOf(() => fleet(1, options))
    expectRefusal(error, 'ERR_AETHER_OPTIONS_INVALID', [key])
  })
})

describe('a check function', () => {
  it.each<[string, Probe, string]>([
    [
      'throws',
      () => {
        throw new Error('broken')
      },
      'broken',
    ],
    ['rejects', () => Promise.reject(new Error('refused')), 'refused'],
    ['hangs', () => new Promise(() => {}), '2000 ms'],
  ])('that %s makes its backend unhealthy, and the others serve on', async (_, bad, words) => {
    const probe: Probe = (backend, signal) => (backend.id === 'b0' ? bad(backend, signal) : true)
    const { lb, clock } = fleet(3, { healthCheck: { probe } })
    lb.start()
    await clock.pass(40_000)
    expect(lb.backends.map(({ health }) => health)).toEqual(['unhealthy', 'healthy', 'healthy'])
    const status = lb.checkHealth('b0')
    await clock.pass(2_000)
    expect((await status).error).toContain(words)
    for (let request = 0; request < 20; request++)
      expect((await lb.route({}, ({ backend }) => backend.id)).value).not.toBe('b0')
    await lb.close()
    await clock.pass(10)
    expect(clock.pending).toBe(0)
  })
})

describe('a clock that goes backwards', () => {
  it('stops no deadline, check, breaker, session or limit for good', async () => {
    let checks = 0
    const clock = new ChaosClock()
    const { lb } = fleet(2, {
      clock,
      healthCheck: { probe: () => void checks++ },
      breaker: { failureThreshold: 1, timeoutMs: 1_000 },
      affinity: { by: 'session', ttlMs: 5_000 },
      rateLimit: { perClient: { requestsPerSecond: 1, burst: 1 } },
      requestTimeoutMs: 1_000,
    })
    lb.start()
    lb.pick().done('failed')
    const ended: string[] = []
    const stuck = lb.route({ sessionId: 's', clientIp: '10.0.0.1' }, () => new Promise(() => {}))
    stuck.catch((error: LbError) => ended.push(error.code))
    await clock.pass(100)
    clock.stepBack(3_600_000)
    const before = checks
    await clock.pass(10_000)
    expect(ended).toEqual(['ERR_AETHER_DEADLINE_EXCEEDED'])
    expect(checks).toBeGreaterThan(before)
    expect(lb.backends.map(({ breakerState }) => breakerState)).not.toContain('open')
    expect((await lb.route({ sessionId: 's', clientIp: '10.0.0.1' }, () => 'on')).value).toBe('on')
    const { backends } = lb.getLoadDistribution()
    for (const { meanMs, active } of Object.values(backends)) {
      expect(meanMs).toBeGreaterThanOrEqual(0)
      expect(active).toBe(0)
    }
    await clock.pass(10_000)
    expect(Object.values(lb.getLoadDistribution().backends).map(({ sessions }) => sessions)).toEqual([0, 0])
    await lb.close()
    expect(clock.pending).toBe(0)
  })
})
