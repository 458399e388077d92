import { Gauge, Registry } from 'prom-client'
import { describe, expect, it, vi } from 'vitest'
import { prometheusMetrics } from '../../src/observe/prometheus.ts'
import { fleet } from '../support/fleet.ts'

function busy() {
  const made = fleet(2, { breaker: { failureThreshold: 2 } }, (i) =>
    i === 0 ? { zone: 'a "quoted" zone' } : {},
  )
  const on = (index: number) => ({ exclude: [made.lb.backends[1 - index]!] })
  for (const ms of [2, 7, 7, 7, 7, 7, 7, 60_000]) made.lb.pick(on(0)).done('ok', ms)
  made.lb.pick(on(1)).done('failed', 10)
  made.lb.pick(on(1)).done('failed', 10)
  made.lb.pick(on(0)).done('cancelled', 10)
  made.lb.pick(on(0))
  return made
}

const zoned = 'backend="b0",zone="a \\"quoted\\" zone"'

describe('Prometheus', () => {
  it('reads what the balancer counted, as text that it understands', async () => {
    const text = await busy().lb.metrics()
    const lines = text.split('\n')
    for (const line of [
      'aether_lb_requests_total 12',
      'aether_lb_active 1',
      'aether_lb_queued 0',
      'aether_lb_panic 0',
      'aether_lb_algorithm{name="p2c"} 1',
      `aether_lb_backend_attempts_total{${zoned},outcome="ok"} 8`,
      `aether_lb_backend_attempts_total{${zoned},outcome="cancelled"} 1`,
      'aether_lb_backend_attempts_total{backend="b1",outcome="failed"} 2',
      `aether_lb_backend_active{${zoned}} 1`,
      `aether_lb_backend_weight{${zoned}} 1`,
      `aether_lb_backend_up{${zoned}} 1`,
      'aether_lb_backend_up{backend="b1"} 0',
      'aether_lb_backend_breaker{backend="b1",state="open"} 1',
      'aether_lb_backend_breaker{backend="b1",state="closed"} 0',
      `aether_lb_backend_health{${zoned},state="unknown"} 1`,
    ])
      expect(lines).toContain(line)
    // There is no limit: 0 would say that nothing may run.
    expect(text).not.toMatch(/^aether_lb_concurrency_limit/m)
    const sample = /^[a-z_]+(\{([a-z]+="([^"\\\n]|\\.)*",?)+\})? \d+(\.\d+)?(e-?\d+)?$/
    for (const line of lines.filter((each) => each !== '' && !each.startsWith('#')))
      expect(line).toMatch(sample)
    for (const family of new Set(lines.map((line) => /^# TYPE (\S+)/.exec(line)?.[1]).filter(Boolean)))
      expect(lines.filter((line) => line.startsWith(`# TYPE ${family} `))).toHaveLength(1)
  })

  it('has a histogram for each backend, in seconds, whose buckets add up', async () => {
    const lines = (await busy().lb.metrics()).split('\n')
    const name = 'aether_lb_backend_latency_seconds'
    expect(lines).toContain(`# TYPE ${name} histogram`)
    const at = (le: string) =>
      Number(
        lines
          .find(
            (line) =>
              line.startsWith(`${name}_bucket{`) && line.includes('b0') && line.includes(`le="${le}"`),
          )
          ?.split(' ')
          .at(-1),
      )
    expect(['0.001', '0.0025', '0.005', '0.01', '10', '30', '+Inf'].map(at)).toEqual([0, 1, 1, 7, 7, 7, 8])
    expect(lines).toContain(`${name}_count{${zoned}} 8`)
    expect(lines).toContain(`${name}_sum{${zoned}} 60.044`)
  })

  it('shows the present at each collection, and forgets backends that are gone', async () => {
    const { lb } = busy()
    expect(await lb.metrics()).toContain('backend="b1"')
    lb.remove('b1')
    lb.pick().done('ok', 5)
    const text = await lb.metrics()
    expect(text).not.toContain('b1')
    expect(text).toContain(`aether_lb_backend_attempts_total{${zoned},outcome="ok"} 9`)
    expect(text).toContain('aether_lb_requests_total 13')
  })

  it('shows one moment at each collection', async () => {
    const { lb } = busy()
    const read = vi.spyOn(lb, 'getLoadDistribution')
    await lb.metrics()
    expect(read).toHaveBeenCalledTimes(1)
    const register = prometheusMetrics(lb)
    await register.getMetricsAsJSON()
    expect(read).toHaveBeenCalledTimes(2)
  })

  it('goes into a registry of the application, beside its own metrics and other balancers', async () => {
    const register = new Registry()
    new Gauge({ name: 'app_temperature', help: 'Of the room.', registers: [register] }).set(21)
    expect(prometheusMetrics(busy().lb, { register })).toBe(register)
    prometheusMetrics(fleet(1, { concurrency: { min: 5 } }).lb, { register, prefix: 'inner_' })
    register.setDefaultLabels({ pod: 'x' })
    const text = await register.metrics()
    expect(text).toContain('app_temperature{pod="x"} 21')
    expect(text).toContain('aether_lb_requests_total{pod="x"} 12')
    expect(text).toContain('inner_concurrency_limit{pod="x"} 5')
    const found = await register.getMetricsAsJSON()
    const latency = found.find((metric) => metric.name === 'aether_lb_backend_latency_seconds')
    expect(latency).toMatchObject({ type: 'histogram' })
    expect((latency as unknown as { values: unknown[] }).values.length).toBeGreaterThan(10)
    expect(() => prometheusMetrics(fleet(0).lb, { register })).toThrow(
      expect.objectContaining({
        code: 'ERR_AETHER_OPTIONS_INVALID',
        message: expect.stringMatching(/^prefix "aether_lb_": .* already been registered/) as string,
      }) as Error,
    )
    register.resetMetrics()
    expect(await register.metrics()).toContain('aether_lb_requests_total{pod="x"} 12')
  })

  it('has one of its own for each balancer otherwise', async () => {
    const [one, two] = [busy().lb, fleet(1).lb]
    expect(await one.metrics()).toContain('aether_lb_requests_total 12')
    expect(await two.metrics()).toContain('aether_lb_requests_total 0')
  })

  it.each([{ prefix: '' }, { prefix: 'my lb' }, { register: {} }, { registry: new Registry() }])(
    'refuses %j',
    (options) => {
      expect(() => prometheusMetrics(fleet(0).lb, options as object)).toThrow(
        expect.objectContaining({ code: 'ERR_AETHER_OPTIONS_INVALID' }) as Error,
      )
    },
  )
})
