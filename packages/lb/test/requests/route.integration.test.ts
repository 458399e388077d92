import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { type Attempt, type Balancer, type BalancerOptions, createBalancer } from '../../src/index.ts'

const servers: Server[] = []
const balancers: Balancer[] = []

afterEach(async () => {
  await Promise.all(balancers.splice(0).map((lb) => lb.close({ signal: AbortSignal.abort() })))
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    server.close()
  }
})

async function listen(listener: RequestListener): Promise<number> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  servers.push(server)
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

/** A balancer in front of these ports, which takes the first that is free. */
function balance(ports: readonly number[], options: BalancerOptions = {}): Balancer {
  const lb = createBalancer({ algorithm: 'round-robin', ...options })
  balancers.push(lb)
  for (const [index, port] of ports.entries()) lb.add({ id: `b${index}`, host: '127.0.0.1', port })
  return lb
}

const call =
  (init: RequestInit = {}) =>
  async ({ backend, signal }: Attempt): Promise<Response> =>
    fetch(`http://${backend.host}:${backend.port}/`, { ...init, signal })

/** A port where nobody listens, nor can: a connection from there stands until the end of the test. */
async function deadPort(): Promise<number> {
  const client = connect(await listen(() => {}), '127.0.0.1')
  // Its server cuts it off in the end.
  client.on('error', () => {})
  await once(client, 'connect')
  return client.localPort!
}

describe('over real HTTP', () => {
  it('an answer that is not handed on is cut off, however long its body is', async () => {
    let cutOff: Promise<unknown> | undefined
    const sick = await listen((_, response) => {
      cutOff = once(response, 'close')
      response.writeHead(503)
      // And never ends.
      response.write('sorry')
    })
    const well = await listen((_, response) => void response.end('fine'))
    const lb = balance([sick, well])
    const results = await Promise.all([1, 2].map(() => lb.route({ method: 'GET' }, call())))
    for (const { value } of results) expect(await value.text()).toBe('fine')
    await cutOff
    expect(lb.getLoadDistribution()).toMatchObject({ retries: 1, active: 0 })
  })

  it('a client that leaves takes the request to the backend along', async () => {
    let arrived = (): void => {}
    const isThere = new Promise<void>((resolve) => (arrived = resolve))
    let cutOff: Promise<unknown> | undefined
    const slow = await listen((_, response) => {
      cutOff = once(response, 'close')
      arrived()
    })
    const lb = balance([slow])
    const client = new AbortController()
    const routed = lb.route({ signal: client.signal }, call())
    await isThere
    client.abort(new Error('the client left'))
    await expect(routed).rejects.toThrow('the client left')
    await cutOff
    expect(lb.getLoadDistribution().backends['b0']).toMatchObject({ active: 0, failed: 0, cancelled: 1 })
  })

  it('a POST goes elsewhere where nobody listens, and not where somebody hung up on it', async () => {
    let posts = 0
    const well = await listen((request, response) => {
      posts++
      request.resume().on('end', () => response.end('taken'))
    })
    const lb = balance([await deadPort(), well])
    const post = call({ method: 'POST', body: 'once' })
    const results = await Promise.all([1, 2].map(() => lb.route({ method: 'POST' }, post)))
    for (const { value } of results) expect(await value.text()).toBe('taken')
    expect(posts).toBe(2)

    const rude = await listen((request) => void request.socket.destroy())
    const other = balance([rude, well])
    const ends = await Promise.allSettled([1, 2].map(() => other.route({ method: 'POST' }, post)))
    expect(ends.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
    expect(posts).toBe(3)
    expect(ends.find(({ status }) => status === 'rejected')).toMatchObject({
      reason: { code: 'ERR_AETHER_ROUTE_FAILED', detail: { notRetried: 'not-safe' } },
    })
  })

  it('a second attempt answers for one that hangs, whose request is cut off', async () => {
    let cutOff: Promise<unknown> | undefined
    const hangs = await listen((_, response) => {
      cutOff = once(response, 'close')
    })
    const well = await listen((_, response) => void response.end('fine'))
    const lb = balance([hangs, well], { hedge: { initialMs: 20 } })
    const results = await Promise.all([1, 2].map(() => lb.route({ method: 'GET' }, call())))
    for (const { value } of results) expect(await value.text()).toBe('fine')
    await cutOff
    // On a busy machine the other one may be hedged as well, and lose.
    expect(results.filter(({ isHedged }) => isHedged)).toHaveLength(1)
    const { cancelled, failed, active } = lb.getLoadDistribution().backends['b0']!
    expect({ failed, active }).toEqual({ failed: 0, active: 0 })
    expect(cancelled).toBeGreaterThanOrEqual(1)
  })
})
