import { describe, expect, it } from 'vitest'
import type { Logger } from '../../src/index.ts'
import { fleet } from '../support/fleet.ts'

type Line = readonly [level: string, message: string, fields: unknown]

function recorder(): { readonly logger: Logger; readonly lines: Line[] } {
  const lines: Line[] = []
  const at =
    (level: string): Logger['info'] =>
    (message, fields) =>
      void lines.push([level, message, fields])
  return { lines, logger: { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') } }
}

describe('the logger', () => {
  it('is told with levels and fields what an operator should know, in order', async () => {
    const { logger, lines } = recorder()
    let isUp = true
    const { lb, clock } = fleet(0, {
      logger,
      breaker: { failureThreshold: 2, successThreshold: 1, timeoutMs: 500 },
      outlier: { consecutiveFailures: 1, baseEjectionMs: 1_000, jitterMs: 0, sweepMs: 1_000 },
      healthCheck: {
        probe: () => isUp,
        intervalMs: 10_000,
        jitter: 0,
        unhealthyThreshold: 1,
        healthyThreshold: 1,
      },
      rateLimit: { floodThreshold: 1 },
      resolve: async () => ['10.0.0.9'],
    })
    const take = (): Line[] => lines.splice(0)
    lb.start()
    lb.add({ id: 'a', host: 'h', port: 1 })
    await clock.pass(0)
    expect(take()).toEqual([
      ['info', 'started', { algorithm: 'p2c', backends: 0 }],
      ['info', 'backend-added', { backendId: 'a' }],
      ['info', 'health', { backendId: 'a', from: 'unknown', to: 'healthy' }],
    ])
    const [first, second] = [lb.pick(), lb.pick()]
    first.done('failed')
    second.done('failed')
    expect(lb.choose()).toBeUndefined()
    expect(take()).toEqual([
      ['warn', 'ejected', { backendId: 'a', reason: '1 failures in a row' }],
      ['warn', 'breaker', { backendId: 'a', to: 'open' }],
      ['error', 'panic', { isPanic: true }],
    ])
    await clock.pass(1_000)
    lb.pick({ clientIp: '10.1.1.1' }).done()
    expect(take()).toEqual([
      ['info', 'breaker', { backendId: 'a', to: 'half-open' }],
      ['info', 'returned', { backendId: 'a' }],
      ['info', 'panic', { isPanic: false }],
      ['info', 'breaker', { backendId: 'a', to: 'closed' }],
    ])
    for (let n = 0; n < 2; n++)
      expect(() => lb.pick({ clientIp: '10.1.1.1' })).toThrow(/10\.1\.1\.1|flood|requests/)
    expect(take()).toEqual([['warn', 'flood', { client: '10.1.1.1' }]])
    isUp = false
    await clock.pass(10_000)
    isUp = true
    await clock.pass(10_000)
    expect(take().filter(([, message]) => message === 'health')).toEqual([
      [
        'warn',
        'health',
        { backendId: 'a', from: 'healthy', to: 'unhealthy', error: 'the check says unhealthy' },
      ],
      ['info', 'health', { backendId: 'a', from: 'unhealthy', to: 'healthy' }],
    ])
    take()
    await lb.drain('a')
    lb.restore('a')
    lb.update('a', { weight: 2 })
    lb.configureAlgorithm('random')
    lb.remove('a')
    expect(take().filter(([, message]) => message !== 'panic')).toEqual([
      ['info', 'draining', { backendId: 'a' }],
      ['info', 'drained', { backendId: 'a', active: 0, sessions: 0 }],
      ['info', 'restored', { backendId: 'a' }],
      ['debug', 'backend-updated', { backendId: 'a' }],
      ['info', 'algorithm', { name: 'random' }],
      ['info', 'backend-removed', { backendId: 'a' }],
    ])
    let count = 0
    lb.autoscale({
      get count() {
        return count
      },
      scale: async (to) => {
        count = to
        if (to === 2) throw new Error('no room')
      },
    })
    await clock.pass(0)
    lb.autoscale({ count: 0, scale: () => Promise.reject(new Error('no room')) })
    await clock.pass(0)
    expect(take()).toEqual([
      ['info', 'scaled', { from: 0, to: 1 }],
      ['error', 'scale-failed', { to: 1, error: 'no room' }],
    ])
    const name = await lb.addName({ host: 'n', port: 1 })
    name.close()
    take()
    lb.pick()
    await lb.close({ signal: AbortSignal.abort() })
    expect(take().at(-1)).toEqual(['warn', 'closed', { cut: 1 }])
  })

  it('that throws breaks nothing', async () => {
    const fail = (): never => {
      throw new Error('the disk is full')
    }
    const logger: Logger = { debug: fail, info: fail, warn: fail, error: fail }
    const { lb } = fleet(1, { logger, breaker: { failureThreshold: 1 } })
    lb.start()
    lb.pick().done('failed')
    expect(lb.backends[0]).toMatchObject({ active: 0, breakerState: 'open' })
    lb.remove('b0')
    expect(lb.backends).toHaveLength(0)
    await lb.close()
  })

  it('says nothing more when a quiet balancer is closed', async () => {
    const { logger, lines } = recorder()
    const { lb } = fleet(1, { logger })
    lb.start()
    lb.start()
    await Promise.all([lb.close(), lb.close()])
    expect(lines.map(([level, message]) => `${level} ${message}`)).toEqual([
      'info backend-added',
      'info started',
      'info closed',
    ])
  })
})
