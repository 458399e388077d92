import { type ErrorCode, silentLogger } from '@aether/core'
import { type Certificates, makeCertificates, type RedisServer, startRedis } from '@aether/services'
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createLink } from '../src/link/create-link.ts'
import type { RedisLink } from '../src/link/redis-link.ts'
import { type RedisOptions, resolveOptions } from '../src/options.ts'

const quick = { backoff: { initialMs: 5, maxMs: 20 } }
const open: RedisLink[] = []

async function opened(options: RedisOptions): Promise<RedisLink> {
  const link = createLink(resolveOptions({ ...quick, ...options }))
  open.push(link)
  await link.start(silentLogger)
  return link
}

async function refusal(options: RedisOptions): Promise<unknown> {
  const began = performance.now()
  const error: unknown = await opened({ connectTimeoutMs: 5_000, ...options }).catch(
    (reason: unknown) => reason,
  )
  const said = error as { code?: ErrorCode; message?: string; retryable?: boolean }
  // What cannot get better is said at once.
  if (said.retryable === false) expect(performance.now() - began).toBeLessThan(4_000)
  return said
}

let server: RedisServer
beforeAll(async () => {
  server = await startRedis()
})
afterAll(async () => {
  await Promise.all(open.map((link) => link.close()))
  await server.close()
})

describe('who may come in', () => {
  let guarded: RedisServer
  beforeAll(async () => {
    guarded = await startRedis({ config: { requirepass: 'geheim' } })
    const cli = (...args: string[]): Promise<string> => guarded.cli('-a', 'geheim', ...args)
    await cli('acl', 'setuser', 'anna', 'on', '>pärchen', '~shop:*', '&shop:*', '+@all')
    await cli('acl', 'setuser', 'bob', 'on', '>b', '~*', '&*', '+@all', '-eval')
  })
  afterAll(() => guarded.close())

  test('NOAUTH and WRONGPASS', async () => {
    expect(await refusal({ url: guarded.url })).toMatchObject({ code: 'ERR_AETHER_TOKEN_REFUSED' })
    const wrong = await refusal({ url: guarded.url, username: 'anna', password: 'not this' })
    expect(wrong).toMatchObject({ code: 'ERR_AETHER_TOKEN_REFUSED', retryable: false })
    // Neither message nor cause repeat the password.
    expect(JSON.stringify(wrong) + String(wrong)).not.toContain('not this')
    expect(
      JSON.stringify((wrong as Error).cause, Object.getOwnPropertyNames((wrong as Error).cause)),
    ).not.toContain('not this')
  })

  test('NOPERM: at start, of a key, of a channel; the link goes on', async () => {
    expect(await refusal({ url: guarded.url, username: 'bob', password: 'b' })).toMatchObject({
      code: 'ERR_AETHER_TOKEN_REFUSED',
      message: expect.stringContaining('eval'),
    })
    const { port } = guarded
    const link = await opened({ url: `redis://anna:p%C3%A4rchen@127.0.0.1:${port}`, prefix: 'shop:' })
    await link.command('SET', ['shop:a', '1'])
    await expect(link.command('SET', ['other', '1'])).rejects.toMatchObject({
      code: 'ERR_AETHER_TOKEN_REFUSED',
    })
    const heard: string[] = []
    await link.subscribe('shop:news', (message) => heard.push(message.toString()))
    await expect(link.subscribe('other', () => {})).rejects.toMatchObject({
      code: 'ERR_AETHER_TOKEN_REFUSED',
    })
    await link.publish('shop:news', Buffer.from('hi'))
    await expect.poll(() => heard).toEqual(['hi'])
    expect(link.state).toEqual({ status: 'ready', generation: 1 })
  })
})

describe('what does not answer as Redis', () => {
  test('ECONNREFUSED, and a name that does not resolve', async () => {
    const refused = await refusal({ url: 'redis://127.0.0.1:1', connectTimeoutMs: 1_000 })
    expect(refused).toMatchObject({ code: 'ERR_AETHER_CONNECT_FAILED', retryable: true })
    expect((refused as Error).message).toContain('ECONNREFUSED')
    const unknown = await refusal({ url: 'redis://nowhere.invalid', connectTimeoutMs: 1_000 })
    expect((unknown as { code: string }).code).toMatch(/^ERR_AETHER_CONNECT_(FAILED|TIMEOUT)$/)
  })

  test('something that stays silent, and something that hangs up', async () => {
    const silent = await listening(() => {})
    const rude = await listening((socket) => socket.destroy())
    expect(await refusal({ url: silent.url, connectTimeoutMs: 1_000 })).toMatchObject({
      code: 'ERR_AETHER_CONNECT_TIMEOUT',
    })
    expect(await refusal({ url: rude.url, connectTimeoutMs: 1_000 })).toMatchObject({
      code: 'ERR_AETHER_CONNECT_FAILED',
      message: expect.stringContaining('TLS'),
    })
    silent.server.close()
    rude.server.close()
  })

  test('a server too old for a mode', async () => {
    const old = await listening((socket) => {
      socket.on('error', () => {})
      socket.on('data', (chunk) => {
        for (const name of chunk.toString().matchAll(/\*\d+\r\n\$\d+\r\n(\w+)/g))
          socket.write(replyOfOld((name[1] as string).toLowerCase()))
      })
    })
    const { url } = old
    expect(await refusal({ url })).toMatchObject({
      code: 'ERR_AETHER_PROTOCOL_VERSION',
      message: expect.stringContaining('Redis 6.2 or later; this server is 5.0.14'),
      detail: { mode: 'streams', needed: '6.2', found: '5.0.14' },
    })
    const link = await opened({ url, mode: 'pubsub' })
    expect(link.state.status).toBe('ready')
    await link.close()
    old.server.close()
  })

  test('a server that has as many clients as it takes', async () => {
    const small = await startRedis()
    await small.cli('config', 'set', 'maxclients', 1)
    const full = {
      code: 'ERR_AETHER_CONNECT_FAILED',
      retryable: true,
      message: expect.stringContaining('maxclients'),
    }
    expect(await refusal({ url: small.url, connectTimeoutMs: 1_000 })).toMatchObject(full)
    await small.close()
  })

  test('a server whose HELLO is renamed says its version in INFO', async () => {
    const shy = await startRedis({ args: ['--rename-command', 'HELLO', 'secret'] })
    const link = await opened({ url: shy.url })
    expect(await link.command('PING', [])).toEqual(Buffer.from('PONG'))
    await link.close()
    await shy.close()
  })
})

/** A server that is no Redis. */
async function listening(onSocket: (socket: Socket) => void): Promise<{ server: Server; url: string }> {
  const one = createServer(onSocket).listen(0, '127.0.0.1')
  await once(one, 'listening')
  return { server: one, url: `redis://127.0.0.1:${(one.address() as AddressInfo).port}` }
}

/** What Redis 5 says, which has no HELLO. */
function replyOfOld(name: string): string {
  const info = 'redis_version:5.0.14\r\nrole:master\r\n'
  if (name === 'info') return `$${info.length}\r\n${info}\r\n`
  if (name === 'ping') return '+PONG\r\n'
  return `-ERR unknown command \`${name}\`, with args beginning with: \r\n`
}

describe('TLS', () => {
  let folder: string
  let files: Certificates
  let secure: RedisServer
  let strict: RedisServer
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'aether-tls-'))
    files = await makeCertificates(folder)
    const tls = { ...files.server, ca: files.ca }
    secure = await startRedis({ tls })
    strict = await startRedis({ tls: { ...tls, clientAuth: true } })
  })
  afterAll(async () => {
    await Promise.all([secure.close(), strict.close()])
    await rm(folder, { recursive: true })
  })

  test('with its authority, and with a client certificate where one is asked for', async () => {
    const ca = await readFile(files.ca)
    const link = await opened({ url: secure.url, tls: { ca } })
    const heard: string[] = []
    await link.subscribe('news', (message) => heard.push(message.toString()))
    await link.publish('news', Buffer.from('hi'))
    await expect.poll(() => heard).toEqual(['hi'])
    const { cert, key } = files.client
    const pair = { cert: await readFile(cert), key: await readFile(key) }
    const known = await opened({ url: strict.url, tls: { ca, ...pair } })
    expect(known.state.status).toBe('ready')
    const anonymous = await refusal({ url: strict.url, tls: { ca }, connectTimeoutMs: 1_500 })
    expect(anonymous).toMatchObject({ code: 'ERR_AETHER_CONNECT_FAILED' })
  })

  test('an authority that is not known', async () => {
    expect(await refusal({ url: secure.url })).toMatchObject({
      code: 'ERR_AETHER_CONNECT_FAILED',
      retryable: false,
      message: expect.stringContaining('certificate'),
    })
  })

  test('TLS at one end only', async () => {
    const toPlain = await refusal({ url: server.url.replace('redis:', 'rediss:'), connectTimeoutMs: 1_500 })
    expect(toPlain).toMatchObject({
      code: 'ERR_AETHER_CONNECT_TIMEOUT',
      message: expect.stringContaining('TLS'),
    })
    const toTls = await refusal({ url: secure.url.replace('rediss:', 'redis:'), connectTimeoutMs: 1_500 })
    expect(toTls).toMatchObject({
      code: 'ERR_AETHER_CONNECT_FAILED',
      message: expect.stringContaining('TLS'),
    })
  })
})

describe('what a working server refuses', () => {
  async function set(name: string, value: string | number): Promise<void> {
    expect(await server.cli('config', 'set', name, value)).toContain('OK')
  }
  const write = { name: 'write', lua: "return redis.call('SET', KEYS[1], ARGV[1])" }

  test('OOM', async () => {
    const link = await opened({ url: server.url })
    await set('maxmemory', 1)
    const full = {
      code: 'ERR_AETHER_QUEUE_FULL',
      retryable: true,
      message: expect.stringContaining('memory'),
    }
    await expect(link.command('SET', ['oom', 'x'])).rejects.toMatchObject(full)
    await expect(link.run(write, ['oom'], ['x'])).rejects.toMatchObject(full)
    await set('maxmemory', 0)
    expect(String(await link.run(write, ['oom'], ['x']))).toBe('OK')
  })

  test('MISCONF: it cannot write to its disk', async () => {
    const sick = await startRedis({ config: { save: '3600 1' } })
    const link = await opened({ url: sick.url })
    await mkdir(join(sick.folder, 'dump.rdb'))
    await link.command('SET', ['a', '1'])
    await sick.cli('bgsave')
    await expect.poll(() => sick.cli('info', 'persistence')).toContain('rdb_last_bgsave_status:err')
    const full = { code: 'ERR_AETHER_QUEUE_FULL', retryable: true, message: expect.stringContaining('disk') }
    await expect(link.command('SET', ['a', '2'])).rejects.toMatchObject(full)
    await expect(link.run(write, ['a'], ['2'])).rejects.toMatchObject(full)
    await link.close()
    await sick.close()
  })

  test('NOREPLICAS', async () => {
    const link = await opened({ url: server.url })
    await set('min-replicas-to-write', 1)
    await expect(link.command('SET', ['a', 'x'])).rejects.toMatchObject({ code: 'ERR_AETHER_QUEUE_FULL' })
    await set('min-replicas-to-write', 0)
  })

  test('WRONGTYPE, also from within a script', async () => {
    const link = await opened({ url: server.url })
    await link.command('SET', ['text', 'x'])
    const foreign = { code: 'ERR_AETHER_OPTIONS_INVALID', message: expect.stringContaining('prefix') }
    await expect(link.command('LPUSH', ['text', 'x'])).rejects.toMatchObject(foreign)
    const push = { name: 'push', lua: "return redis.call('LPUSH', KEYS[1], 'x')" }
    await expect(link.run(push, ['text'], [])).rejects.toMatchObject(foreign)
  })

  test('READONLY: the call waits until there is a master again', async () => {
    const link = await opened({ url: server.url })
    await server.cli('replicaof', '127.0.0.1', 1)
    const written = link.run(write, ['readonly'], ['x'])
    await expect
      .poll(() => link.state)
      .toMatchObject({ status: 'reconnecting', error: { code: 'ERR_AETHER_CONNECT_FAILED' } })
    await server.cli('replicaof', 'no', 'one')
    expect(String(await written)).toBe('OK')
    expect(link.state.status).toBe('ready')
  })

  test('BUSY: the call waits for the script of someone', async () => {
    const link = await opened({ url: server.url })
    await set('busy-reply-threshold', 20)
    const endless = server.cli('eval', 'while true do end', 0).catch(() => {})
    await expect.poll(() => server.cli('ping')).toContain('BUSY')
    const written = link.command('SET', ['busy', 'x'])
    await server.cli('script', 'kill')
    expect(String(await written)).toBe('OK')
    await endless
    const impatient = await opened({ url: server.url, connectTimeoutMs: 1_000 })
    const again = server.cli('eval', 'while true do end', 0).catch(() => {})
    await expect.poll(() => server.cli('ping')).toContain('BUSY')
    await expect(impatient.command('SET', ['busy', 'x'])).rejects.toMatchObject({
      code: 'ERR_AETHER_TRANSPORT_LOST',
      retryable: true,
    })
    await server.cli('script', 'kill')
    await again
  })

  test('LOADING: the call waits', async () => {
    const link = await opened({ url: server.url })
    await server.cli('eval', "for i = 1, 3000 do redis.call('SET', 'load' .. i, string.rep('x', 100)) end", 0)
    await set('key-load-delay', 200)
    await set('loading-process-events-interval-bytes', 1024)
    const reload = server.cli('debug', 'reload')
    await expect.poll(() => server.cli('ping'), { interval: 10 }).toContain('LOADING')
    expect(String(await link.command('SET', ['loaded', 'x']))).toBe('OK')
    await reload
    await set('key-load-delay', 0)
  })

  test('an unknown command names the release that has it', async () => {
    const bare = await startRedis({ args: ['--rename-command', 'XAUTOCLAIM', ''] })
    const link = await opened({ url: bare.url })
    await expect(link.command('XAUTOCLAIM', ['s', 'g', 'c', 0, 0])).rejects.toMatchObject({
      code: 'ERR_AETHER_PROTOCOL_VERSION',
      message: expect.stringContaining('6.2'),
      detail: { needed: '6.2' },
    })
    await link.close()
    await bare.close()
  })

  test('more than it takes at once', async () => {
    await set('proto-max-bulk-len', '1mb')
    const link = await opened({ url: server.url })
    await link.command('SET', ['large', Buffer.alloc(1_048_576)])
    await expect(link.command('SET', ['large', Buffer.alloc(2_000_000)])).rejects.toMatchObject({
      code: 'ERR_AETHER_PAYLOAD_TOO_LARGE',
      retryable: false,
    })
    await set('proto-max-bulk-len', '512mb')
  })

  test('a database that it does not have', async () => {
    expect(await refusal({ url: `${server.url}/99` })).toMatchObject({ code: 'ERR_AETHER_OPTIONS_INVALID' })
    const link = await opened({ url: `${server.url}/3` })
    await link.command('SET', ['where', 'in three'])
    expect(await server.cli('-n', 3, 'get', 'where')).toBe('in three')
    expect(await server.cli('get', 'where')).toBe('')
  })

  test('a Cluster node, and a server that is none', async () => {
    const node = await startRedis({ config: { 'cluster-enabled': 'yes' } })
    const useCluster = {
      code: 'ERR_AETHER_OPTIONS_INVALID',
      message: expect.stringContaining('option cluster'),
    }
    expect(await refusal({ url: node.url })).toMatchObject(useCluster)
    expect(await refusal({ cluster: [server.url] })).toMatchObject({
      code: 'ERR_AETHER_OPTIONS_INVALID',
      message: expect.stringContaining('no Cluster'),
    })
    // A node alone has no slots yet.
    const link = await opened({ cluster: [node.url], connectTimeoutMs: 1_500 })
    await expect(link.run(write, ['a'], ['x'])).rejects.toMatchObject({
      code: 'ERR_AETHER_TRANSPORT_LOST',
      retryable: true,
    })
    await node.cli('cluster', 'addslotsrange', 0, 16_383)
    await expect.poll(() => node.cli('cluster', 'info'), { timeout: 10_000 }).toContain('cluster_state:ok')
    expect(String(await link.run(write, ['a'], ['x']))).toBe('OK')
    await link.close()
    await node.close()
  })
})
