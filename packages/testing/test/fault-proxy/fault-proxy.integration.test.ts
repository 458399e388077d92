import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import { getActiveResourcesInfo } from 'node:process'

import { afterEach, beforeEach, describe, expect, it } from 'vitest'

import { createFaultProxy, pause, until } from '../../src/index.ts'
import type { FaultProxy } from '../../src/index.ts'

interface Seen {
  text: string
  chunks: number[]
  closed: 'no' | 'ended' | 'reset'
}

function watch(socket: Socket): Seen {
  const seen: Seen = { text: '', chunks: [], closed: 'no' }
  socket.on('data', (bytes: Buffer) => {
    seen.text += bytes.toString('latin1')
    seen.chunks.push(bytes.length)
  })
  socket.on('end', () => {
    seen.closed = 'ended'
  })
  socket.on('error', () => {
    seen.closed = 'reset'
  })
  return seen
}

describe('createFaultProxy', () => {
  let server: Server
  let served: Socket[]
  let proxy: FaultProxy
  let opened: Socket[]

  beforeEach(async () => {
    served = []
    opened = []
    server = createServer((socket) => {
      socket.on('error', () => undefined)
      served.push(socket)
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    proxy = await createFaultProxy({ target: { port: (server.address() as AddressInfo).port } })
  })

  afterEach(async () => {
    await proxy.close()
    for (const socket of [...served, ...opened]) socket.destroy()
    await new Promise((resolve) => {
      server.close(resolve)
    })
  })

  async function open(): Promise<{ client: Socket; clientSaw: Seen; peer: Socket; peerSaw: Seen }> {
    const before = served.length
    const client = connect({ port: proxy.port, host: proxy.host, noDelay: true })
    opened.push(client)
    const clientSaw = watch(client)
    const peer = await until(() => served[before])
    return { client, clientSaw, peer, peerSaw: watch(peer) }
  }

  it('passes bytes and ends in both directions', async () => {
    const { client, clientSaw, peer, peerSaw } = await open()
    client.write('ping')
    peer.write('pong')
    await until(() => peerSaw.text === 'ping' && clientSaw.text === 'pong')
    client.end('last')
    await until(() => peerSaw.text === 'pinglast' && clientSaw.closed === 'ended')
    await until(() => proxy.stats.open === 0)
    expect(proxy.stats).toEqual({ accepted: 1, refused: 0, open: 0, bytesToTarget: 8, bytesToClient: 4 })
  })

  it('delays one direction and leaves the other alone', async () => {
    const { client, clientSaw, peer, peerSaw } = await open()
    proxy.set({ toTarget: { delayMs: 150 } })
    const startedAt = performance.now()
    client.write('slow')
    peer.write('fast')
    await until(() => clientSaw.text === 'fast')
    expect(peerSaw.text).toBe('')
    await until(() => peerSaw.text === 'slow')
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(145)
  })

  it('drops what one direction carries', async () => {
    const { client, clientSaw, peer, peerSaw } = await open()
    proxy.set({ toTarget: { drop: true } })
    client.write('lost')
    await until(() => client.bytesWritten === 4)
    peer.write('seen')
    await until(() => clientSaw.text === 'seen')
    await pause(50)
    proxy.heal()
    client.write('kept')
    await until(() => peerSaw.text === 'kept')
  })

  it('stalls: the connection stays, nothing passes, and all of it comes after heal', async () => {
    const { client, clientSaw, peer, peerSaw } = await open()
    proxy.stall()
    client.write('held')
    peer.write('held too')
    await pause(100)
    expect([peerSaw.text, clientSaw.text, clientSaw.closed, peerSaw.closed]).toEqual(['', '', 'no', 'no'])
    proxy.heal()
    await until(() => peerSaw.text === 'held' && clientSaw.text === 'held too')
  })

  it('a stall stops reading, so that the sender feels it', async () => {
    const { client, peerSaw } = await open()
    proxy.stall()
    const size = 16 * 1024 * 1024
    client.write(Buffer.alloc(size, 'x'))
    await pause(100)
    expect(client.writableLength).toBeGreaterThan(0)
    proxy.heal()
    await until(() => peerSaw.text.length === size, { timeoutMs: 15_000 })
  })

  it('a new connection during a stall is accepted and silent (half-open)', async () => {
    proxy.stall()
    const { client, peerSaw } = await open()
    client.write('anyone?')
    await until(() => client.readyState === 'open')
    await pause(50)
    expect(peerSaw.text).toBe('')
  })

  it('resets both sides, and takes new connections', async () => {
    const first = await open()
    proxy.reset()
    await until(() => first.clientSaw.closed === 'reset' && first.peerSaw.closed === 'reset')
    const second = await open()
    second.client.write('again')
    await until(() => second.peerSaw.text === 'again')
  })

  it('cuts: resets, turns away, and heals', async () => {
    const { clientSaw } = await open()
    proxy.cut()
    await until(() => clientSaw.closed === 'reset')
    const refused = connect({ port: proxy.port, host: proxy.host })
    opened.push(refused)
    const refusedSaw = watch(refused)
    await until(() => refusedSaw.closed !== 'no')
    await until(() => proxy.stats.refused === 1)
    proxy.heal()
    const healed = await open()
    healed.client.write('back')
    await until(() => healed.peerSaw.text === 'back')
  })

  it('a reset of one side reaches the other', async () => {
    const { peer, clientSaw } = await open()
    peer.resetAndDestroy()
    await until(() => clientSaw.closed === 'reset')
  })

  it('splits into single bytes', async () => {
    const { client, peerSaw } = await open()
    proxy.set({ toTarget: { splitBytes: 1 } })
    client.write('0123456789')
    await until(() => peerSaw.text === '0123456789')
    // The kernel may join a few of them on the way, never all.
    expect(peerSaw.chunks.length).toBeGreaterThan(5)
  })

  it('throttles', async () => {
    const { client, peerSaw } = await open()
    proxy.set({ toTarget: { bytesPerSecond: 10_000 } })
    const startedAt = performance.now()
    client.write(Buffer.alloc(4_000, 'x'))
    await until(() => peerSaw.text.length === 4_000)
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(250)
  })

  it('a target that refuses ends the client', async () => {
    const gone = createServer()
    gone.listen(0, '127.0.0.1')
    await once(gone, 'listening')
    const { port } = gone.address() as AddressInfo
    gone.close()
    await once(gone, 'close')
    const lone = await createFaultProxy({ target: { port } })
    const client = connect({ port: lone.port, host: lone.host })
    opened.push(client)
    const seen = watch(client)
    await until(() => seen.closed !== 'no')
    await lone.close()
  })

  it('closes while an end is on its way', async () => {
    const { client, peer } = await open()
    peer.pipe(peer)
    const echoed = once(client, 'data')
    client.end('last words')
    await echoed
    await proxy.close()
    expect(proxy.stats.open).toBe(0)
  })

  it('close leaves nothing, delayed bytes included', async () => {
    const before = getActiveResourcesInfo().length
    const lone = await createFaultProxy({
      target: { port: (server.address() as AddressInfo).port },
      faults: { toTarget: { delayMs: 60_000 } },
    })
    const client = connect({ port: lone.port, host: lone.host })
    client.on('error', () => undefined)
    client.write('held back')
    await until(() => lone.stats.open === 1)
    const first = lone.close()
    expect(lone.close()).toBe(first)
    await first
    client.destroy()
    await until(() => getActiveResourcesInfo().length <= before)
  })
})
