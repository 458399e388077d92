import { describe, expect, it } from 'vitest'
import { operationNames } from '../../src/index.ts'
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
        algorithm_used: 'p2c',
      },
    })
    expect(await lb.execute({ operation: 'health_check', backend_id: 'a:1' })).toMatchObject({
      health: { status: 'healthy' },
    })
    await lb.execute({ operation: 'configure_algorithm', algorithm: { type: 'least_connections' } })
    expect(await lb.execute({ operation: 'get_load_distribution' })).toMatchObject({
      distribution: { algorithm: 'least-connections', total: 1, backends: { 'a:1': { ok: 1 } } },
    })
    await lb.execute({ operation: 'remove_backend', backend_id: 'a:1' })
    expect(lb.backends).toHaveLength(0)
    await lb.execute({ operation: 'shutdown' })
    expect(clock.pending).toBe(0)
  })

  it('does the others', async () => {
    const { lb, clock } = fleet(2, { resolve: async () => ['10.9.9.9'] })
    await lb.execute({ operation: 'update_backend', backend_id: 'b0', changes: { weight: 3 } })
    expect(lb.backends[0]!.weight).toBe(3)
    const drain = lb.execute({ operation: 'drain_backend', backend_id: 'b0', timeout: 1 })
    await clock.pass(1)
    expect(await drain).toEqual({ status: 'success', drained: { active: 0, sessions: 0 } })
    expect(await lb.execute({ operation: 'choose_backend' })).toMatchObject({ backend_id: 'b1' })
    await lb.execute({ operation: 'restore_backend', backend_id: 'b0' })
    expect(await lb.execute({ operation: 'add_name', backend_config: { host: 'n', port: 5 } })).toMatchObject(
      {
        backend_ids: ['n/10.9.9.9:5'],
      },
    )
    expect(await lb.execute({ operation: 'list_backends' })).toMatchObject({
      backend_ids: ['b0', 'b1', 'n/10.9.9.9:5'],
    })
    expect((await lb.execute({ operation: 'get_metrics' }))['metrics']).toContain('aether_lb_requests_total')
    expect((await lb.execute({ operation: 'explain' }))['picks']).toHaveLength(1)
    expect(await lb.execute({ operation: 'get_groups' })).toMatchObject({ groups: [] })
    await lb.close()
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

  it('has an operation for every method', () => {
    expect(operationNames).toEqual(
      expect.arrayContaining([
        'initialize',
        'shutdown',
        'add_backend',
        'add_name',
        'update_backend',
        'remove_backend',
        'drain_backend',
        'restore_backend',
        'route_request',
        'pick_backend',
        'choose_backend',
        'configure_algorithm',
        'health_check',
        'get_load_distribution',
        'get_metrics',
        'explain',
        'get_groups',
      ]),
    )
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
    [{ operation: 'release_backend', lease_id: 'x' }, 'OPTIONS_INVALID'],
  ])('refuses %j with %s', async (operation, problem) => {
    const { lb } = fleet(1)
    const refused = lb.execute(operation as { operation: string })
    await settle()
    await expect(refused).rejects.toThrow(code(problem))
    expect(lb.backends).toHaveLength(1)
  })
})
