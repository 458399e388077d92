import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, get, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import {
  connect,
  createServer as createTcpServer,
  type AddressInfo,
  type Server,
  type Socket,
} from 'node:net'
import { Worker } from 'node:worker_threads'
import { afterEach, describe, expect, it, vi } from 'vitest'
import {
  type BackendOptions,
  type Balancer,
  createBalancer,
  type HealthCheckOptions,
} from '../../src/index.ts'

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

/** A server that is no HTTP server, and what it has of sockets. */
async function serveRaw(handler: (socket: Socket) => void) {
  const sockets = new Set<Socket>()
  let count = 0
  const port = await listen(
    createTcpServer((socket) => {
      count++
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => sockets.delete(socket))
      socket.resume()
      handler(socket)
    }),
  )
  return { port, sockets, connections: () => count }
}

function watch(
  port: number,
  probe: HealthCheckOptions['probe'],
  options: Partial<HealthCheckOptions> = {},
  backend: Partial<BackendOptions> = {},
): Balancer {
  const lb = createBalancer({
    healthCheck: { probe, intervalMs: 20, timeoutMs: 10_000, unhealthyThreshold: 2, ...options },
  })
  lb.add({ id: 'it', host: '127.0.0.1', port, ...backend })
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

  it('makes a connection for each check, and leaves none', async () => {
    // By connection, since the last check may be given up before it has sent anything.
    const requests = new Map<Socket, number>()
    const server = createServer(({ socket }, response) => {
      requests.set(socket, (requests.get(socket) ?? 0) + 1)
      response.end('ok')
    })
    const sockets = new Set<Socket>()
    server.on('connection', (socket) => {
      sockets.add(socket)
      socket.on('close', () => sockets.delete(socket))
    })
    const port = await listen(server)
    // One that someone else keeps alive is not for a check.
    const [answer] = (await once(get({ host: '127.0.0.1', port }), 'response')) as [IncomingMessage]
    await once(answer.resume(), 'end')
    const lb = watch(port, 'http')
    await vi.waitFor(() => expect(requests.size).toBeGreaterThan(3))
    await lb.close()
    expect(new Set(requests.values())).toEqual(new Set([1]))
    server.closeIdleConnections()
    await vi.waitFor(() => expect(sockets.size).toBe(0))
  })

  it('says where it wants to go', async () => {
    const seen = new Set<string | undefined>()
    const server = createServer((request, response) => {
      seen.add(request.headers.host)
      response.end()
    })
    const port = await listen(server)
    await becomes(watch(port, 'http'), 'healthy')
    await becomes(watch(port, 'http', {}, { hostname: 'api.internal' }), 'healthy')
    await becomes(watch(port, 'http', {}, { hostname: '[::1]' }), 'healthy')
    await becomes(watch(port, { headers: { Host: 'other.example' } }), 'healthy')
    expect([...seen]).toEqual([`127.0.0.1:${port}`, `api.internal:${port}`, `[::1]:${port}`, 'other.example'])
  })

  it('goes to IPv6 addresses, with brackets or without', async () => {
    const server = createServer((_, response) => response.end())
    closers.push(() => server.close())
    // Where a machine has no IPv6 there is nobody to go to, and the checks say so.
    const [port, health] = await once(server.listen(0, '::1'), 'listening').then(
      () => [(server.address() as AddressInfo).port, 'healthy'] as const,
      () => [80, 'unhealthy'] as const,
    )
    await becomes(watch(port, 'http', {}, { host: '::1' }), health)
    const lb = watch(port, 'tcp', {}, { host: '[0:0:0:0:0:0:0:1]' })
    await becomes(lb, health)
    expect(lb.backends[0]!.host).toBe('::1')
  })

  it('takes the statuses that it is told, and follows no redirect', async () => {
    const asked: string[] = []
    const port = await serve((request, response) => {
      asked.push(String(request.url))
      response.writeHead(302, { location: '/fine' }).end()
    })
    const lb = watch(port, 'http')
    await becomes(lb, 'unhealthy')
    expect((await lb.checkHealth('it')).error).toBe('status 302')
    await becomes(watch(port, { statuses: [300, 399] }), 'healthy')
    await becomes(watch(port, { statuses: [400, 599] }), 'unhealthy')
    expect(new Set(asked)).toEqual(new Set(['/']))
  })

  it('finds the header that says degraded however it is written', async () => {
    const port = await serve((_, response) => response.writeHead(200, { 'x-Tired': '1' }).end())
    await becomes(watch(port, { degradedHeader: 'X-Tired' }), 'degraded')
  })

  it('reads so much of a body and no more', async () => {
    const { port, sockets } = await serveRaw((socket) => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n')
      const chunk = Buffer.alloc(30_000, 'x')
      const more = (): void => {
        while (!socket.destroyed && socket.write(chunk));
      }
      socket.on('drain', more)
      more()
    })
    const lb = watch(port, 'http')
    await becomes(lb, 'healthy')
    expect((await lb.checkHealth('it')).responseTimeMs).toBeLessThan(5_000)
    await lb.close()
    await vi.waitFor(() => expect(sockets.size).toBe(0))
  })

  it.each<[string, (socket: Socket) => void, RegExp]>([
    ['that says nothing', () => {}, /no answer within 60 ms/],
    [
      'whose headers trickle',
      (socket) => {
        socket.write('HTTP/1.1 200 OK\r\n')
        const timer = setInterval(() => socket.write('x-more: 1\r\n'), 5)
        socket.on('close', () => clearInterval(timer))
      },
      /no answer within 60 ms/,
    ],
    [
      'whose body never ends',
      (socket) => socket.write('HTTP/1.1 200 OK\r\n\r\nand so on'),
      /no answer within 60 ms/,
    ],
    [
      'whose body breaks off',
      (socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nand'),
      /closed before the end/,
    ],
    ['that hangs up', (socket) => socket.end(), /socket hang up/],
    ['that resets', (socket) => socket.resetAndDestroy(), /ECONNRESET|socket hang up/],
    ['that is no HTTP server', (socket) => socket.write('SSH-2.0-OpenSSH_9.2\r\n'), /Parse Error/],
    [
      'whose headers are too long',
      (socket) => socket.write(`HTTP/1.1 200 OK\r\nx: ${'x'.repeat(100_000)}\r\n\r\n`),
      /Header overflow/i,
    ],
    [
      'that speaks another protocol',
      (socket) =>
        socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n'),
      /closed before the end|hang up/,
    ],
  ])('fails at a server %s, within its time, and leaves no socket', async (_, handler, error) => {
    const { port, sockets } = await serveRaw((socket) => socket.once('data', () => handler(socket)))
    // Short where the time has to run out, long where it must not.
    const lb = watch(port, 'http', { timeoutMs: error.source.startsWith('no answer') ? 60 : 10_000 })
    await becomes(lb, 'unhealthy')
    expect((await lb.checkHealth('it')).error).toMatch(error)
    await lb.close()
    await vi.waitFor(() => expect(sockets.size).toBe(0))
  })
})

describe('the HTTPS check', () => {
  const pem = (name: string): string =>
    readFileSync(new URL(`../fixtures/tls/${name}.pem`, import.meta.url), 'utf8')

  it('asks over TLS, and believes only certificates that it can verify', async () => {
    const options = { key: pem('key'), cert: pem('cert') }
    const port = await listen(createSecureServer(options, (_, response) => void response.end()))
    const trusting = createBalancer({
      healthCheck: { probe: { secure: true, ca: pem('cert') }, intervalMs: 20, timeoutMs: 10_000 },
    })
    trusting.add({ id: 'it', host: 'localhost', port })
    trusting.start()
    closers.push(() => trusting.close())
    await becomes(trusting, 'healthy')
    const strict = watch(port, { secure: true })
    await becomes(strict, 'unhealthy')
    expect((await strict.checkHealth('it')).error).toMatch(/self-signed|does not match/)
    const trusted = { secure: true, ca: pem('cert') }
    const named = watch(port, trusted, {}, { hostname: 'localhost' })
    await becomes(named, 'healthy')
    const other = watch(port, trusted, {}, { hostname: 'other.example' })
    await becomes(other, 'unhealthy')
    expect((await other.checkHealth('it')).error).toMatch(/does not match/)
    const headed = watch(port, { ...trusted, headers: { host: 'other.example' } })
    await becomes(headed, 'unhealthy')
    expect((await headed.checkHealth('it')).error).toMatch(/does not match/)
    const silent = await serveRaw(() => {})
    const waiting = watch(silent.port, trusted, { timeoutMs: 60 })
    await becomes(waiting, 'unhealthy')
    expect((await waiting.checkHealth('it')).error).toBe('no answer within 60 ms')
    await waiting.close()
    await vi.waitFor(() => expect(silent.sockets.size).toBe(0))
  })
})

describe('the TCP check', () => {
  it('outlives a connection that is reset, before it is told of it or after', async () => {
    const { port, sockets, connections } = await serveRaw((socket) => socket.resetAndDestroy())
    const lb = watch(port, 'tcp')
    await vi.waitFor(() => expect(connections()).toBeGreaterThan(5))
    await lb.close()
    await vi.waitFor(() => expect(sockets.size).toBe(0))
  })

  it('says what happened where the connection is refused', async () => {
    const server = createTcpServer()
    const port = await listen(server)
    server.close()
    await once(server, 'close')
    const lb = watch(port, 'tcp')
    await becomes(lb, 'unhealthy')
    expect((await lb.checkHealth('it')).error).toMatch(/ECONNREFUSED/)
  })

  it('waits no longer than its timeout where nobody answers at all', async () => {
    const port = await blackHole()
    const lb = watch(port, 'tcp', { timeoutMs: 60 })
    await becomes(lb, 'unhealthy')
    expect((await lb.checkHealth('it')).error).toBe('no answer within 60 ms')
  })

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

/** A port whose queue is full, and that nobody looks after: what wants to connect hears nothing. */
async function blackHole(): Promise<number> {
  const isOver = new Int32Array(new SharedArrayBuffer(4))
  const worker = new Worker(
    `const { workerData, parentPort } = require('node:worker_threads')
    const server = require('node:net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
      parentPort.postMessage(server.address().port)
      Atomics.wait(workerData, 0, 0)
      process.exit()
    })`,
    { eval: true, workerData: isOver },
  )
  const [port] = (await once(worker, 'message')) as [number]
  const fillers = [0, 1, 2, 3].map(() => connect(port, '127.0.0.1').on('error', () => {}))
  closers.push(async () => {
    for (const socket of fillers) socket.destroy()
    Atomics.store(isOver, 0, 1)
    Atomics.notify(isOver, 0)
    await once(worker, 'exit')
  })
  await vi.waitFor(() => expect(fillers.filter((socket) => !socket.connecting)).toHaveLength(2))
  return port
}

describe('when all is over', () => {
  const kinds = new Set(['TCPSocketWrap', 'TLSWrap', 'TCPConnectWrap', 'GetAddrInfoReqWrap'])
  const handles = (): number => process.getActiveResourcesInfo().filter((each) => kinds.has(each)).length

  it.each<[string, (lb: Balancer) => unknown]>([
    ['remove', (lb) => lb.remove('it')],
    ['close', (lb) => lb.close()],
  ])('%s ends the check that is under way, with its socket', async (_, end) => {
    const hole = await blackHole()
    const { port, sockets } = await serveRaw(() => {})
    for (const probe of ['tcp', 'http', { secure: true }] as const) {
      const before = handles()
      const lb = watch(probe === 'tcp' ? hole : port, probe, { timeoutMs: 60_000, intervalMs: 60_000 })
      const check = lb.checkHealth('it')
      await vi.waitFor(() => expect(sockets.size).toBe(probe === 'tcp' ? 0 : 1))
      expect(handles()).toBeGreaterThan(before)
      await end(lb)
      expect((await check).checkedAt).toBeUndefined()
      await vi.waitFor(() => {
        expect(sockets.size).toBe(0)
        expect(handles()).toBe(before)
      })
    }
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
