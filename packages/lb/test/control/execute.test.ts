import { describe, expect, it } from 'vitest'
import { operationNames } from '../../src/control/execute.ts'
import type { Balancer, Operation } from '../../src/index.ts'
import { fleet } from '../support/fleet.ts'
import { settle } from '../support/manual-clock.ts'

const code = (name: string) => expect.objectContaining({ code: `ERR_AETHER_${name}` }) as Error

describe('execute', () => {
  it('does what the seed’s operations do, by their names', async () => {
    const { lb, clock } = fleet(0, {
      healthCheck: { probe: () => true },
      call: ({ backend }) => `handled by ${backend.host}`,
    })
    await lb.execute({ operation: 'initialize' })
    const config = {
      host: 'a',
      port: 1,
      weight: 1.5,
      max_connections: 10,
      quantum_capable: true,
      priority: 10,
    }
    const added = await lb.execute({ operation: 'add_backend', backend_config: config })
    expect(added).toEqual({ status: 'success', backend_id: 'a:1' })
    expect(lb.backends[0]).toMatchObject({ weight: 1.5, maxConnections: 10, capabilities: ['quantum'] })
    const request = {
      request_id: 'r',
      client_ip: '10.0.0.1',
      workload_type: 'quantum_simulation',
      session_id: 's',
    }
    expect(await lb.execute({ operation: 'route_request', request })).toEqual({
      status: 'success',
      result: {
        value: 'handled by a',
        backend_id: 'a:1',
        request_id: 'r',
        latency_ms: 0,
        attempts: 1,
        is_hedged: false,
        algorithm_used: 'p2c',
      },
    })
    expect(await lb.execute({ operation: 'health_check', backend_id: 'a:1' })).toMatchObject({
      health: { status: 'healthy' },
    })
    await lb.execute({ operation: 'configure_algorithm', algorithm: { type: 'least_connections' } })
    expect(await lb.execute({ operation: 'get_load_distribution' })).toMatchObject({
      distribution: {
        algorithm: 'least-connections',
        total_requests: 1,
        backends: {
          'a:1': {
            host: 'a',
            port: 1,
            total_requests: 1,
            successful_requests: 1,
            failed_requests: 0,
            active_connections: 0,
            avg_latency_ms: 0,
            error_rate: 0,
            health_status: 'healthy',
            circuit_breaker: 'closed',
          },
        },
      },
    })
    await lb.execute({ operation: 'remove_backend', backend_id: 'a:1' })
    expect(lb.backends).toHaveLength(0)
    await lb.execute({ operation: 'shutdown' })
    expect(clock.pending).toBe(0)
  })

  it('does what it has for backends and names', async () => {
    const addresses = ['10.9.9.9']
    const { lb, clock } = fleet(2, { resolve: async () => addresses })
    await lb.execute({ operation: 'update_backend', backend_id: 'b0', changes: { weight: 3 } })
    expect(lb.backends[0]!.weight).toBe(3)
    const drain = lb.execute({ operation: 'drain_backend', backend_id: 'b0', timeout: 1 })
    await clock.pass(1)
    expect(await drain).toEqual({ status: 'success', drained: { active: 0, sessions: 0 } })
    expect(await lb.execute({ operation: 'choose_backend' })).toMatchObject({ backend_id: 'b1' })
    await lb.execute({ operation: 'restore_backend', backend_id: 'b0' })

    const config = { host: 'n', port: 5, metadata: { rack: null } }
    const added = await lb.execute({
      operation: 'add_name',
      backend_config: config,
      refresh_interval: 60,
      resolve_timeout: 1,
    })
    expect(added).toEqual({
      status: 'success',
      name_id: 'n:5',
      name: 'n',
      backend_ids: ['n/10.9.9.9:5'],
    })
    await lb.execute({ operation: 'update_name', name_id: 'n:5', changes: { weight: 7 } })
    addresses.push('10.9.9.8')
    const refreshed = await lb.execute({ operation: 'refresh_name', name_id: 'n:5' })
    expect(refreshed['backend_ids']).toEqual(['n/10.9.9.9:5', 'n/10.9.9.8:5'])
    expect(lb.backends.slice(2).map((backend) => backend.weight)).toEqual([7, 7])
    expect(await lb.execute({ operation: 'list_names' })).toMatchObject({ names: [{ name_id: 'n:5' }] })
    expect(await lb.execute({ operation: 'list_backends' })).toMatchObject({
      backends: [
        { backend_id: 'b0', weight: 3, max_connections: 1_000, circuit_breaker: 'closed' },
        { backend_id: 'b1' },
        { backend_id: 'n/10.9.9.9:5', metadata: { rack: null } },
        { backend_id: 'n/10.9.9.8:5' },
      ],
    })
    await lb.execute({ operation: 'remove_name', name_id: 'n:5' })
    expect(lb.backends).toHaveLength(2)
    expect(await lb.execute({ operation: 'list_names' })).toMatchObject({ names: [] })
    await expect(lb.execute({ operation: 'refresh_name', name_id: 'n:5' })).rejects.toThrow(
      code('BACKEND_UNKNOWN'),
    )
    expect(clock.pending).toBe(0)
  })

  it('takes a backend out of its zone and its group', async () => {
    const { lb } = fleet(1, { resolve: async () => ['10.9.9.9'] }, () => ({ zone: 'a', group: 'g' }))
    const change = (changes: object): Promise<unknown> =>
      lb.execute({ operation: 'update_backend', backend_id: 'b0', changes })
    await change({ zone: null, weight: null })
    expect(lb.backends[0]).toMatchObject({ zone: undefined, group: 'g', weight: 1 })
    await change({ group: null })
    expect(lb.backends[0]!.group).toBeUndefined()
    await expect(change({ zone: '' })).rejects.toThrow(code('OPTIONS_INVALID'))
    // Of what is added a key without a value is as if it were not there.
    await lb.execute({
      operation: 'add_name',
      backend_config: { host: 'n', port: 5, zone: null, group: 'h' },
    })
    await lb.execute({ operation: 'update_name', name_id: 'n:5', changes: { group: null } })
    expect(lb.backends[1]!.group).toBeUndefined()
    await lb.close()
  })

  it('keeps a name whose backends a group needs, to be asked again', async () => {
    const { lb } = fleet(0, { resolve: async () => ['10.9.9.9'], groups: { api: {}, other: {} } })
    await lb.execute({ operation: 'add_name', backend_config: { host: 'n', port: 5, group: 'api' } })
    const removal = { operation: 'remove_name', name_id: 'n:5' }
    await expect(lb.execute(removal)).rejects.toThrow(code('REPLICAS_SHORT'))
    expect(await lb.execute({ operation: 'list_names' })).toMatchObject({ names: [{ name_id: 'n:5' }] })
    const move = { operation: 'update_name', name_id: 'n:5', changes: { group: 'other' } }
    await expect(lb.execute(move)).rejects.toThrow(code('REPLICAS_SHORT'))
    await lb.execute({ ...move, force: true })
    const back = { operation: 'update_backend', backend_id: 'n/10.9.9.9:5', changes: { group: 'api' } }
    await expect(lb.execute(back)).rejects.toThrow(code('REPLICAS_SHORT'))
    await lb.execute({ ...back, force: true })
    await lb.execute({ ...removal, force: true })
    expect(await lb.execute({ operation: 'list_names' })).toMatchObject({ names: [] })
    expect(lb.backends).toHaveLength(0)
    await lb.close()
  })

  it('shows what there is to see', async () => {
    const { lb } = fleet(1, { groups: { api: { minHealthy: 1 } } })
    await lb.execute({ operation: 'choose_backend', request: { request_id: 'r' } })
    expect((await lb.execute({ operation: 'get_metrics' }))['metrics']).toContain('aether_lb_requests_total')
    expect(await lb.execute({ operation: 'explain' })).toMatchObject({
      picks: [{ request_id: 'r', backend_id: 'b0', is_sticky: false }],
    })
    expect(await lb.execute({ operation: 'get_groups' })).toMatchObject({
      groups: [{ group: 'api', healthy: 0, is_short: true }],
    })
  })

  it('tells events to those who poll, each from where it was, and how many it has lost', async () => {
    const { lb, clock } = fleet(2)
    const first = await lb.execute({ operation: 'poll_events', limit: 1 })
    expect(first).toEqual({
      status: 'success',
      events: [{ sequence: 1, at: clock.now(), type: 'backend-added', backend_id: 'b0' }],
      cursor: 1,
      missed: 0,
    })
    const second = await lb.execute({ operation: 'poll_events', after: 1 })
    expect(second).toMatchObject({ events: [{ sequence: 2, backend_id: 'b1' }], cursor: 2 })
    expect(await lb.execute({ operation: 'poll_events', after: 2 })).toMatchObject({ events: [], cursor: 2 })
    for (let n = 0; n < 1_500; n++) lb.update('b0', { weight: 1 + n })
    const late = await lb.execute({ operation: 'poll_events', after: 2, limit: 1_000 })
    expect(late).toMatchObject({ missed: 500, cursor: 1_502 })
    expect(late['events']).toHaveLength(1_000)
    // The cursor of another life: everything is news.
    expect(await lb.execute({ operation: 'poll_events', after: 9_999, limit: 1 })).toMatchObject({
      events: [{ sequence: 503 }],
    })
  })

  it('keeps a number of backends wanted for a scaler that is far away', async () => {
    const { lb, clock } = fleet(1, {}, () => ({ maxConnections: 10 }))
    const started = await lb.execute({ operation: 'start_autoscaling', min: 1, max: 5, interval: 1 })
    const { id } = started['autoscaling'] as { id: string }
    const leases = Array.from({ length: 10 }, () => lb.pick())
    await clock.pass(1_000)
    expect(await lb.execute({ operation: 'get_autoscaling' })).toMatchObject({
      autoscaling: [{ id, desired: 2, requested: 2, current: 1, utilisation: 1, min: 1, max: 5 }],
    })
    await lb.execute({
      operation: 'add_backend',
      backend_config: { host: 'more', port: 1, max_connections: 10 },
    })
    for (const lease of leases) lease.done()
    expect(await lb.execute({ operation: 'get_autoscaling' })).toMatchObject({
      autoscaling: [{ current: 2 }],
    })
    await lb.execute({ operation: 'stop_autoscaling', id })
    expect(await lb.execute({ operation: 'get_autoscaling' })).toMatchObject({ autoscaling: [] })
    expect(clock.pending).toBe(0)
    await expect(lb.execute({ operation: 'stop_autoscaling', id })).rejects.toThrow(code('OPERATION_INVALID'))
    for (let n = 0; n < 16; n++) await lb.execute({ operation: 'start_autoscaling' })
    await expect(lb.execute({ operation: 'start_autoscaling' })).rejects.toThrow(code('OPERATION_INVALID'))
    await lb.execute({ operation: 'shutdown' })
    expect(clock.pending).toBe(0)
  })

  it('fails with an error of its own whatever is thrown in it', async () => {
    const { lb } = fleet(0)
    const count = (): never => {
      throw new Error('the cloud is down')
    }
    const broken = {
      scale: async () => {},
      get count() {
        return count()
      },
    }
    lb.autoscale(broken)
    await expect(lb.execute({ operation: 'get_autoscaling' })).rejects.toMatchObject({
      code: 'ERR_AETHER_OPERATION_INVALID',
      message: 'the operation failed: the cloud is down',
    })
    await lb.close()
  })

  it('stops at once when told to', async () => {
    const { lb } = fleet(1)
    lb.pick()
    await lb.execute({ operation: 'shutdown', force: true })
    await expect(lb.execute({ operation: 'pick_backend' })).rejects.toThrow(code('BALANCER_CLOSED'))
  })

  it('routes with all that a request can say', async () => {
    const { lb } = fleet(2, {
      call: ({ backend }) => backend.id,
      affinity: { by: 'header', header: 'x-user' },
    })
    const request = {
      headers: { 'X-User': 'ann' },
      cookie: 'a=b',
      exclude: ['b0'],
      method: 'GET',
      idempotent: true,
      priority: 7,
      timeout: 5,
      requires: [],
    }
    expect(await lb.execute({ operation: 'route_request', request })).toMatchObject({
      result: { value: 'b1' },
    })
    expect(lb.getLoadDistribution().backends['b1']!.sessions).toBe(1)
    expect(await lb.execute({ operation: 'pick_backend', request: { exclude: ['b1'] } })).toMatchObject({
      backend_id: 'b0',
    })
  })

  it('gives what survives a journey as JSON, or says that it does not', async () => {
    const { lb } = fleet(1, {
      affinity: { by: 'session' },
      groups: { api: {} },
      call: () => ({ when: new Date(0), nothing: undefined, list: [undefined], ratio: Number.NaN }),
    })
    lb.add({ host: 'odd', port: 1, metadata: { run: () => 1 } })
    await lb.execute({ operation: 'start_autoscaling' })
    lb.pick().done('failed')
    const lease = await lb.execute({ operation: 'pick_backend' })
    const operations: Operation[] = [
      { operation: 'list_backends' },
      { operation: 'route_request' },
      { operation: 'get_load_distribution' },
      { operation: 'explain' },
      { operation: 'get_groups' },
      { operation: 'poll_events' },
      { operation: 'get_autoscaling' },
      { operation: 'health_check', backend_id: 'b0' },
      { operation: 'release_backend', lease_id: lease['lease_id'] },
      { operation: 'get_metrics' },
    ]
    for (const operation of operations) {
      const result = await lb.execute(operation)
      expect(JSON.parse(JSON.stringify(result))).toStrictEqual(result)
    }
    const bad = fleet(1, { call: () => 1n })
    await expect(bad.lb.execute({ operation: 'route_request' })).rejects.toThrow(code('OPERATION_INVALID'))
    expect(bad.lb.backends[0]!.active).toBe(0)
  })

  it('lends a slot, and takes it back by itself from those who never return', async () => {
    const { lb, clock } = fleet(1, { requestTimeoutMs: 1_000 })
    const lease = await lb.execute({ operation: 'pick_backend' })
    expect(lease).toMatchObject({ status: 'success', backend_id: 'b0', port: 1_000 })
    await lb.execute({ operation: 'release_backend', lease_id: lease['lease_id'], latency_ms: 20 })
    expect(lb.getLoadDistribution().backends['b0']).toMatchObject({ active: 0, ok: 1, meanMs: 20 })
    await lb.execute({ operation: 'pick_backend' })
    expect(lb.backends[0]!.active).toBe(1)
    await clock.pass(1_001)
    expect(lb.backends[0]!.active).toBe(0)
    await expect(lb.execute({ operation: 'release_backend', lease_id: lease['lease_id'] })).rejects.toThrow(
      code('OPERATION_INVALID'),
    )
  })

  it('lends a slot for as long as the request may take', async () => {
    const { lb, clock } = fleet(1, { requestTimeoutMs: 1_000 })
    const lease = await lb.execute({ operation: 'pick_backend', request: { timeout: 60 } })
    await clock.pass(59_000)
    expect(lb.backends[0]!.active).toBe(1)
    await clock.pass(1_100)
    expect(lb.backends[0]!.active).toBe(0)
    await expect(lb.execute({ operation: 'release_backend', lease_id: lease['lease_id'] })).rejects.toThrow(
      code('OPERATION_INVALID'),
    )
  })

  it('waits for slots that were lent when it shuts down, and takes back what is left in the end', async () => {
    const { lb, clock } = fleet(1, { requestTimeoutMs: 60_000, drainTimeoutMs: 5_000 })
    const [first, second] = [
      await lb.execute({ operation: 'pick_backend' }),
      await lb.execute({ operation: 'pick_backend' }),
    ]
    const closing = lb.execute({ operation: 'shutdown' })
    await clock.pass(1_000)
    await lb.execute({ operation: 'release_backend', lease_id: first['lease_id'] })
    expect(lb.getLoadDistribution()).toMatchObject({ active: 1, ok: 1, cancelled: 0 })
    await clock.pass(5_000)
    await closing
    expect(lb.getLoadDistribution()).toMatchObject({ active: 0, ok: 1, cancelled: 1 })
    expect(clock.pending).toBe(0)
    const late = lb.execute({ operation: 'release_backend', lease_id: second['lease_id'] })
    await expect(late).rejects.toThrow(code('OPERATION_INVALID'))
  })

  it('has an operation for every method', () => {
    const mirrored: Record<Exclude<keyof Balancer, symbol | 'execute'>, readonly string[]> = {
      start: ['initialize'],
      close: ['shutdown'],
      backends: ['list_backends'],
      add: ['add_backend'],
      addName: ['add_name', 'update_name', 'refresh_name', 'remove_name', 'list_names'],
      update: ['update_backend'],
      remove: ['remove_backend'],
      drain: ['drain_backend'],
      restore: ['restore_backend'],
      route: ['route_request'],
      pick: ['pick_backend', 'release_backend'],
      choose: ['choose_backend'],
      configureAlgorithm: ['configure_algorithm'],
      checkHealth: ['health_check'],
      getLoadDistribution: ['get_load_distribution'],
      metrics: ['get_metrics'],
      explain: ['explain'],
      events: ['poll_events'],
      groups: ['get_groups'],
      autoscale: ['start_autoscaling', 'get_autoscaling', 'stop_autoscaling'],
    }
    expect(operationNames.toSorted()).toEqual(Object.values(mirrored).flat().toSorted())
  })

  it.each([
    [{}, 'OPERATION_INVALID'],
    [undefined, 'OPERATION_INVALID'],
    [{ operation: 'toString' }, 'OPERATION_INVALID'],
    [{ operation: 'reboot' }, 'OPERATION_INVALID'],
    [{ operation: 'route_request' }, 'OPERATION_INVALID'],
    [{ operation: 'add_backend' }, 'OPTIONS_INVALID'],
    [{ operation: 'add_backend', backend_config: { host: '', port: 1 } }, 'OPTIONS_INVALID'],
    [{ operation: 'add_backend', backend_config: { host: 'h', port: 1, colour: 'red' } }, 'OPTIONS_INVALID'],
    [{ operation: 'remove_backend' }, 'OPTIONS_INVALID'],
    [{ operation: 'remove_backend', backend_id: 'nobody' }, 'BACKEND_UNKNOWN'],
    [{ operation: 'remove_backend', backend_id: 'b0', really: true }, 'OPTIONS_INVALID'],
    [{ operation: 'configure_algorithm', algorithm: { type: 'best' } }, 'ALGORITHM_INVALID'],
    [{ operation: 'choose_backend', request: { client_ip: 5 } }, 'OPTIONS_INVALID'],
    [{ operation: 'choose_backend', request: { priority: 8 } }, 'OPTIONS_INVALID'],
    [{ operation: 'choose_backend', request: { timeout: 0 } }, 'OPTIONS_INVALID'],
    [{ operation: 'choose_backend', request: [] }, 'OPTIONS_INVALID'],
    [{ operation: 'release_backend', lease_id: 'x' }, 'OPTIONS_INVALID'],
    [{ operation: 'release_backend', lease_id: 1, outcome: 'good' }, 'OPTIONS_INVALID'],
    [{ operation: 'release_backend', lease_id: 1 }, 'OPERATION_INVALID'],
    [{ operation: 'drain_backend', backend_id: 'b0', timeout: '5' }, 'OPTIONS_INVALID'],
    [{ operation: 'update_backend', backend_id: 'b0', changes: { port: 5 } }, 'OPTIONS_INVALID'],
    [{ operation: 'update_backend', backend_id: 'b0', changes: { weight: -1 } }, 'OPTIONS_INVALID'],
    [{ operation: 'add_backend', backend_config: { id: 'b0', host: 'h', port: 1 } }, 'BACKEND_DUPLICATE'],
    [{ operation: 'add_name', backend_config: { id: 'x', host: 'h', port: 1 } }, 'OPTIONS_INVALID'],
    [{ operation: 'start_autoscaling', min: 5, max: 2 }, 'OPTIONS_INVALID'],
    [{ operation: 'poll_events', limit: 0 }, 'OPTIONS_INVALID'],
    [[], 'OPERATION_INVALID'],
    ['shutdown', 'OPERATION_INVALID'],
  ])('refuses %j with %s', async (operation, problem) => {
    const { lb } = fleet(1)
    const refused = lb.execute(operation as { operation: string })
    await settle()
    await expect(refused).rejects.toThrow(code(problem))
    expect(lb.backends).toHaveLength(1)
  })

  it('says what is wrong with an operation: where, what it found, what is allowed, and what was meant', async () => {
    const { lb } = fleet(1)
    const messageOf = (operation: Operation): Promise<string> =>
      lb.execute(operation).then(
        () => 'it was done',
        (error: Error) => error.message,
      )
    expect(await messageOf({ operation: 'add_backends' })).toMatch(
      /^there is no operation "add_backends", did you mean "add_backend"\? There are initialize, /,
    )
    expect(await messageOf({ operation: 'reboot' })).toMatch(
      /^there is no operation "reboot": there are initialize, /,
    )
    const config = { host: 'h', port: 1, wieght: 2 }
    expect(await messageOf({ operation: 'add_backend', backend_config: config })).toMatch(
      /^backend_config has an unknown key "wieght", did you mean "weight"\? It may have id, host, port, hostname, weight, /,
    )
    expect(await messageOf({ operation: 'add_backend', backend_config: { host: 'h', port: 0 } })).toBe(
      'backend_config.port must be an integer from 1 to 65535, not 0',
    )
    expect(await messageOf({ operation: 'remove_backend' })).toBe(
      'backend_id is missing: it must be a text that is not empty',
    )
    const request = (wrong: object): Operation => ({ operation: 'pick_backend', request: wrong })
    expect(await messageOf(request({ method: 7 }))).toBe(
      'request.method must be a text that is not empty, not 7',
    )
    // What may be a secret is not shown.
    expect(await messageOf(request({ headers: { authorization: 123_456 } }))).toBe(
      'request.headers.authorization must be a text, or a list of texts',
    )
    for (const name of ['cookie', 'session_id', 'key'])
      expect(await messageOf(request({ [name]: 123_456 }))).toBe(
        `request.${name} must be a text that is not empty`,
      )
    expect(await messageOf({ operation: 'configure_algorithm', algorithm: 'round_robbin' })).toMatch(
      /^algorithm\.type must be one of round_robin, .*, not "round_robbin", did you mean "round_robin"\?$/,
    )
  })
})
