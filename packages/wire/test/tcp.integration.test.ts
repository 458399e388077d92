import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { FrameReader, FrameType, FrameWriter, writePublishNamed, writeWelcome } from '../src/index.ts'
import { connect, createTcpClient, DEFAULT_PORT, parseUrl } from '../src/tcp.ts'

const pem = (name: string): string =>
  readFileSync(new URL(`vectors/tls/${name}.pem`, import.meta.url), 'utf8')
const closers: (() => Promise<void>)[] = []

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

/** Says WELCOME and publishes back what it is sent. */
function greet(socket: Socket): void {
  const writer = new FrameWriter()
  const reader = new FrameReader({
    onFrame: (type, bytes, start, end) => {
      if (type === FrameType.HELLO) {
        const welcome = { version: 1, features: 0, maxFrameBytes: 1_114_112, heartbeatMs: 0 }
        writeWelcome(writer, { ...welcome, broker: 'echo', brokerVersion: '0' })
      } else if (type === FrameType.PUBLISH_NAMED) writer.append(bytes.slice(start - 5, end))
      else if (type === FrameType.SUBSCRIBE)
        writePublishNamed(writer, 'greeting', undefined, Buffer.from('hello'))
      for (const chunk of writer.take()) socket.write(chunk)
    },
  })
  socket.on('data', (chunk: Buffer) => reader.push(chunk))
  socket.on('error', () => {})
}

async function listening(server: Server): Promise<number> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  closers.push(async () => {
    for (const socket of sockets) socket.destroy()
    server.close()
    await once(server, 'close')
  })
  return (server.address() as AddressInfo).port
}

async function heard(url: string, options = {}): Promise<string> {
  const client = await connect(url, { connectTimeoutMs: 2_000, ...options })
  closers.push(() => client.close())
  const subscribing = client.subscribe('greeting', { onMessage: (message) => texts.push(message.text()) })
  subscribing.catch(() => {})
  const texts: string[] = []
  await vi.waitFor(() => expect(texts).toHaveLength(1))
  return texts[0]!
}

describe('parseUrl', () => {
  it.each([
    ['aether://broker', { host: 'broker', port: DEFAULT_PORT, secure: false }],
    ['aether://10.0.0.1:99', { host: '10.0.0.1', port: 99, secure: false }],
    ['tcp://[::1]:99/', { host: '::1', port: 99, secure: false }],
    ['tls://broker.example:443', { host: 'broker.example', port: 443, secure: true }],
  ])('%s', (url, address) => expect(parseUrl(url)).toEqual(address))

  it.each([
    '',
    'broker:99',
    'http://broker',
    'aether://',
    'aether://b/path',
    'aether://user:secret@b',
    'aether://b?x=1',
  ])('refuses %j, and says nothing of what it holds', (url) => {
    const refused = expect.objectContaining({
      code: 'ERR_AETHER_OPTIONS_INVALID',
      message: expect.not.stringContaining('secret') as string,
    }) as Error
    expect(() => parseUrl(url)).toThrow(refused)
  })
})

describe('connect', () => {
  it('reaches a broker over TCP', async () => {
    const port = await listening(createServer(greet))
    expect(await heard(`aether://127.0.0.1:${port}`)).toBe('hello')
  })

  it('reaches a broker over TLS whose certificate it is told to trust', async () => {
    const port = await listening(createTlsServer({ key: pem('key'), cert: pem('cert') }, greet))
    expect(await heard(`tls://localhost:${port}`, { tls: { ca: pem('cert') } })).toBe('hello')
  })

  it('refuses a broker whose certificate it does not know', async () => {
    const port = await listening(createTlsServer({ key: pem('key'), cert: pem('cert') }, greet))
    await expect(connect(`tls://localhost:${port}`, { connectTimeoutMs: 1_000 })).rejects.toMatchObject({
      code: 'ERR_AETHER_CONNECT_FAILED',
      message: expect.stringContaining('self-signed') as string,
    })
  })

  it('says that nobody listens', async () => {
    const server = createServer()
    const port = await listening(server)
    await closers.pop()!()
    await expect(connect(`aether://127.0.0.1:${port}`, { connectTimeoutMs: 500 })).rejects.toMatchObject({
      code: 'ERR_AETHER_CONNECT_FAILED',
      message: expect.stringContaining('ECONNREFUSED') as string,
    })
  })

  it('gives up a server that says nothing', async () => {
    const port = await listening(createServer(() => {}))
    await expect(
      connect(`aether://127.0.0.1:${port}`, { connectTimeoutMs: 100, attemptTimeoutMs: 50 }),
    ).rejects.toMatchObject({ code: 'ERR_AETHER_CONNECT_TIMEOUT' })
  })

  it.each([
    ['HTTP', 'HTTP/1.1 400 Bad Request\r\n\r\n'],
    ['TLS', Buffer.from('15030300020246', 'hex')],
    ['Redis', '-ERR unknown command\r\n'],
  ])('tells that a server which speaks %s is no broker', async (_name, answer) => {
    const port = await listening(createServer((socket) => socket.end(answer)))
    const connecting = connect(`aether://127.0.0.1:${port}`, { connectTimeoutMs: 500 })
    await expect(connecting).rejects.toMatchObject({
      code: 'ERR_AETHER_FRAME_INVALID',
      message: expect.stringContaining('is this the address and port of a broker'),
    })
  })

  it('leaves no socket and no timer behind', async () => {
    const sockets = (): number =>
      process.getActiveResourcesInfo().filter((kind) => kind === 'TCPSocketWrap').length
    const timers = (): number => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length
    await vi.waitFor(() => expect(sockets()).toBe(0))
    const port = await listening(createServer(greet))
    const before = timers()
    const client = createTcpClient(`aether://127.0.0.1:${port}`)
    await client.start()
    expect(sockets()).toBeGreaterThan(0)
    await client.close()
    await vi.waitFor(() => expect(sockets()).toBe(0))
    await vi.waitFor(() => expect(timers()).toBeLessThanOrEqual(before))
  })
})
