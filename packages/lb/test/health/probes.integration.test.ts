import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import { createServer as createTcpServer, type AddressInfo, type Server } from 'node:net'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { type Balancer, createBalancer, type HealthCheckOptions } from '../../src/index.ts'

const closers: (() => unknown)[] = []

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  closers.push(() => server.close())
  return (server.address() as AddressInfo).port
}

function serve(handler: (request: IncomingMessage, response: ServerResponse) => void): Promise<number> {
  return listen(createServer(handler))
}

function watch(port: number, probe: HealthCheckOptions['probe'], options = {}): Balancer {
  const lb = createBalancer({
    healthCheck: { probe, intervalMs: 20, timeoutMs: 500, unhealthyThreshold: 2, ...options },
  })
  lb.add({ id: 'it', host: '127.0.0.1', port })
  lb.start()
  closers.push(() => lb.close())
  return lb
}

const becomes = (lb: Balancer, health: string): Promise<void> =>
  vi.waitFor(() => expect(lb.backends[0]!.health).toBe(health), { timeout: 10_000 })

describe('the HTTP check', () => {
  it('asks for its path with its headers, and goes by the status', async () => {
    let status = 200
    const seen = new Set<string>()
    const port = await serve((request, response) => {
      seen.add(`${request.method} ${request.url} ${String(request.headers['x-check'])}`)
      response.writeHead(status).end('a body')
    })
    const lb = watch(port, { path: '/health', headers: { 'x-check': 'yes' } })
    await becomes(lb, 'healthy')
    expect([...seen]).toEqual(['GET /health yes'])
    status = 500
    await becomes(lb, 'unhealthy')
    expect((await lb.checkHealth('it')).error).toBe('status 500')
    status = 204
    await becomes(lb, 'healthy')
  })

  it('hears that a backend calls itself degraded', async () => {
    const port = await serve((_, response) => response.writeHead(200, { 'x-degraded': '1' }).end())
    await becomes(watch(port, 'http'), 'degraded')
  })

  it('waits no longer than its timeout, for an answer or for the end of one', async () => {
    const silent = await listen(createTcpServer((socket) => void socket.on('error', () => {})))
    await becomes(watch(silent, 'http', { timeoutMs: 50 }), 'unhealthy')
    const endless = await serve((_, response) => void response.writeHead(200).write('and so on'))
    await becomes(watch(endless, 'http', { timeoutMs: 50 }), 'unhealthy')
  })
})

describe('the HTTPS check', () => {
  const pem = (name: string): string =>
    readFileSync(new URL(`../fixtures/tls/${name}.pem`, import.meta.url), 'utf8')

  it('asks over TLS, and believes only certificates that it can verify', async () => {
    const options = { key: pem('key'), cert: pem('cert') }
    const port = await listen(createSecureServer(options, (_, response) => void response.end()))
    const trusting = createBalancer({
      healthCheck: { probe: { secure: true, ca: pem('cert') }, intervalMs: 20, timeoutMs: 2_000 },
    })
    trusting.add({ id: 'it', host: 'localhost', port })
    trusting.start()
    closers.push(() => trusting.close())
    await becomes(trusting, 'healthy')
    const strict = watch(port, { secure: true }, { timeoutMs: 2_000 })
    await becomes(strict, 'unhealthy')
    expect((await strict.checkHealth('it')).error).toMatch(/self-signed|does not match/)
  })
})

describe('the TCP check', () => {
  it('sees a server come and go', async () => {
    const server = createTcpServer((socket) => void socket.on('error', () => {}))
    const port = await listen(server)
    const lb = watch(port, 'tcp', { healthyThreshold: 1 })
    await becomes(lb, 'healthy')
    server.close()
    await once(server, 'close')
    await becomes(lb, 'unhealthy')
    const again = createTcpServer((socket) => void socket.on('error', () => {}))
    again.listen(port, '127.0.0.1')
    await once(again, 'listening')
    closers.push(() => again.close())
    await becomes(lb, 'healthy')
  })
})

describe('routing to real servers', () => {
  it('goes round a server that dies, and comes back to it', async () => {
    const ports = await Promise.all(
      [0, 1, 2].map((index) => serve((_, response) => response.end(`server ${index}`))),
    )
    const lb = createBalancer({ algorithm: 'round-robin', retry: { baseMs: 1 } })
    closers.push(() => lb.close())
    for (const port of ports) lb.add({ host: '127.0.0.1', port })
    const dead = createServer()
    const deadPort = await listen(dead)
    dead.close()
    await once(dead, 'close')
    lb.add({ id: 'dead', host: '127.0.0.1', port: deadPort })
    const answers: string[] = []
    for (let index = 0; index < 40; index++) {
      // POST: retried all the same, since a refused connection has sent nothing.
      const { value } = await lb.route({ method: 'POST' }, async ({ backend, signal }) => {
        const response = await fetch(`http://${backend.host}:${backend.port}/`, { method: 'POST', signal })
        return { status: response.status, text: await response.text() }
      })
      answers.push(value.text)
    }
    expect(new Set(answers)).toEqual(new Set(['server 0', 'server 1', 'server 2']))
    const { failed, breaker } = lb.getLoadDistribution().backends['dead']!
    expect([failed, breaker]).toEqual([5, 'open'])
  })
})
