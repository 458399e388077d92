import { createServer } from 'node:net'
import { once } from 'node:events'

import { AetherError, defineTask, type TaskContext } from '@aether/core'
import { describe, expect, it, onTestFinished } from 'vitest'

import type { ConsumePathReport } from '../../src/service/consume-path.ts'
import { httpServer, type HttpServer, type ServiceStatus } from '../../src/service/http-server.ts'
import { serviceMetrics, type ServiceMetrics } from '../../src/service/metrics.ts'
import { silentLogger } from '../captured-handler.ts'

interface Made {
  readonly url: string
  readonly metrics: ServiceMetrics
  readonly server: HttpServer
  readonly now: { report: ConsumePathReport; status: ServiceStatus }
}

const good: ConsumePathReport = {
  isHealthy: true,
  reason: 'tasks come through',
  transport: 'ready',
  lastSeenMs: 5,
}
const bad: ConsumePathReport = {
  isHealthy: false,
  reason: 'no task has come through',
  transport: 'ready',
  lastSeenMs: 9_999,
}

async function made(port = 0): Promise<Made> {
  const now: Made['now'] = { report: good, status: 'ready' }
  const metrics = serviceMetrics({
    transportState: () => now.report.transport,
    isHealthy: () => now.report.isHealthy,
  })
  const server = httpServer({
    host: '127.0.0.1',
    port,
    logger: silentLogger,
    registry: metrics.registry,
    consumePath: () => now.report,
    status: () => now.status,
  })
  onTestFinished(() => server.close())
  return { url: await server.listen(), metrics, server, now }
}

async function get(url: string): Promise<{ status: number; body: unknown }> {
  const response = await fetch(url)
  return { status: response.status, body: await response.json() }
}

describe('httpServer', () => {
  it('says on /healthz whether the consume path works, and why not', async () => {
    const { url, now } = await made()
    expect(await get(`${url}/healthz`)).toEqual({ status: 200, body: { ...good, status: 'ready' } })
    now.report = bad
    expect(await get(`${url}/healthz`)).toEqual({ status: 503, body: { ...bad, status: 'ready' } })
    now.report = good
    now.status = 'draining'
    expect(await get(`${url}/healthz`)).toMatchObject({ status: 200 })
  })

  it('says on /readyz whether it takes tasks', async () => {
    const { url, now } = await made()
    expect(await get(`${url}/readyz`)).toMatchObject({ status: 200, body: { isReady: true } })
    for (const status of ['starting', 'draining', 'closed'] as const) {
      now.status = status
      expect(await get(`${url}/readyz`)).toMatchObject({
        status: 503,
        body: { reason: `the worker is ${status}` },
      })
    }
    now.status = 'ready'
    now.report = bad
    expect(await get(`${url}/readyz`)).toMatchObject({
      status: 503,
      body: { isReady: false, reason: bad.reason },
    })
  })

  it('knows no other address', async () => {
    const { url } = await made()
    expect(await get(`${url}/admin`)).toMatchObject({ status: 404 })
  })

  it('says which port is in use, with a code', async () => {
    const taken = createServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    onTestFinished(() => void taken.close())
    const { port } = taken.address() as { port: number }
    await expect(made(port)).rejects.toMatchObject({ code: 'ERR_AETHER_PORT_IN_USE', detail: { port } })
  })

  it('closes though a client keeps its connection open', async () => {
    const { url, server } = await made()
    await get(`${url}/healthz`)
    await server.close()
    await expect(fetch(`${url}/healthz`)).rejects.toThrow(/fetch failed/)
  })
})

describe('serviceMetrics', () => {
  const definition = defineTask({ job: 'j', task: 't' })

  function context(reason?: unknown): TaskContext<never> {
    const part: Partial<TaskContext<never>> = {
      signal: reason === undefined ? new AbortController().signal : AbortSignal.abort(reason),
    }
    return part as TaskContext<never>
  }

  async function scrape(url: string): Promise<string[]> {
    const response = await fetch(`${url}/metrics`)
    expect(response.headers.get('content-type')).toContain('text/plain')
    return (await response.text()).split('\n')
  }

  it('counts attempts by how they ended, and those at work', async () => {
    const { url, metrics } = await made()
    const fail = (): never => {
      throw new Error('no')
    }
    let finish = (): void => undefined
    const running = metrics.observe(
      definition,
      context(),
      () => new Promise<void>((resolve) => (finish = resolve)),
    )
    expect(await metrics.observe(definition, context(), () => 7)).toBe(7)
    await expect(metrics.observe(definition, context(), fail)).rejects.toThrow('no')
    const ends = [
      'TASK_CANCELLED',
      'DEADLINE_EXCEEDED',
      'LEASE_LOST',
      'WORKER_SHUTDOWN',
      'ATTEMPT_TIMEOUT',
    ] as const
    for (const code of ends) {
      await expect(
        metrics.observe(definition, context(new AetherError(`ERR_AETHER_${code}`, '')), fail),
      ).rejects.toThrow('no')
    }
    const lines = await scrape(url)
    expect(lines).toContain('aether_tasks_started_total{job="j",task="t"} 8')
    expect(lines).toContain('aether_tasks_running{job="j",task="t"} 1')
    for (const [outcome, count] of Object.entries({
      succeeded: 1,
      failed: 2,
      cancelled: 1,
      expired: 1,
      lease_lost: 1,
      returned: 1,
    })) {
      expect(lines).toContain(`aether_tasks_finished_total{job="j",task="t",outcome="${outcome}"} ${count}`)
    }
    expect(lines).toContain('aether_lease_losses_total{job="j",task="t"} 1')
    expect(lines).toContain('aether_task_duration_seconds_count{job="j",task="t",outcome="failed"} 2')
    finish()
    await running
    expect(await scrape(url)).toContain('aether_tasks_running{job="j",task="t"} 0')
  })

  it('tells the state of the transport, of the consume path and of the event loop', async () => {
    const { url, now } = await made()
    let lines = await scrape(url)
    expect(lines).toContain('aether_transport_state{state="ready"} 1')
    expect(lines).toContain('aether_transport_state{state="reconnecting"} 0')
    expect(lines).toContain('aether_consume_path_healthy 1')
    expect(lines.some((line) => line.startsWith('nodejs_eventloop_lag_seconds '))).toBe(true)
    now.report = { ...bad, transport: 'reconnecting' }
    lines = await scrape(url)
    expect(lines).toContain('aether_transport_state{state="ready"} 0')
    expect(lines).toContain('aether_transport_state{state="reconnecting"} 1')
    expect(lines).toContain('aether_consume_path_healthy 0')
  })
})
