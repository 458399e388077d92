import { Redis } from 'ioredis'
import { describe, expect, test } from 'vitest'
import { type RedisOptions, resolveOptions } from '../src/options.ts'

describe('defaults', () => {
  test('are what the README says', () => {
    expect(resolveOptions({})).toEqual({
      mode: 'streams',
      target: {
        kind: 'server',
        host: '127.0.0.1',
        port: 6_379,
        username: undefined,
        password: undefined,
        tls: undefined,
        db: 0,
      },
      prefix: 'aether:',
      consumerName: undefined,
      connectTimeoutMs: 10_000,
      attemptTimeoutMs: 5_000,
      keepAliveMs: 5_000,
      backoff: { initialMs: 50, maxMs: 5_000 },
      maxPending: 100_000,
      maxPayloadBytes: 1_048_576,
      maxQueued: 1_000_000,
      resultTtlMs: 300_000,
      groupTtlMs: 60_000,
      maxDeadLetters: 1_000,
    })
  })
})

describe('targets', () => {
  test('a URL says all of it, options say it better', () => {
    const url = 'rediss://anna:p%40ss%3A@[::1]:7000/3'
    expect(resolveOptions({ url }).target).toEqual({
      kind: 'server',
      host: '::1',
      port: 7_000,
      username: 'anna',
      password: 'p@ss:',
      tls: {},
      db: 3,
    })
    const better = { username: 'bob', password: 'b', db: 4, tls: { servername: 'redis' } }
    expect(resolveOptions({ url, ...better }).target).toMatchObject(better)
    expect(resolveOptions({ url: 'redis://:only@host' }).target).toMatchObject({
      username: undefined,
      password: 'only',
      port: 6_379,
    })
  })

  test('Sentinels and nodes: objects, host:port or URLs', () => {
    expect(
      resolveOptions({ sentinels: ['a', { host: 'b', port: 1 }, 'redis://c:2'], name: 'main', db: 2 }).target,
    ).toMatchObject({
      kind: 'sentinel',
      name: 'main',
      db: 2,
      sentinels: [
        { host: 'a', port: 26_379 },
        { host: 'b', port: 1 },
        { host: 'c', port: 2 },
      ],
    })
    expect(resolveOptions({ cluster: [{ host: 'a' }, '[::1]:7'], tls: true }).target).toMatchObject({
      kind: 'cluster',
      tls: {},
      nodes: [
        { host: 'a', port: 6_379 },
        { host: '::1', port: 7 },
      ],
    })
  })

  test('a client of the application', () => {
    const client = new Redis({ lazyConnect: true })
    expect(resolveOptions({ client }).target).toEqual({ kind: 'client', client })
    for (const wrong of [
      { db: 1 },
      { username: 'a' },
      { password: 'a' },
      { tls: true },
      { url: 'redis://a' },
    ])
      expect(() => resolveOptions({ client, ...wrong })).toThrow(/^Option /)
    const prefixed = new Redis({ lazyConnect: true, keyPrefix: 'mine:' })
    expect(() => resolveOptions({ client: prefixed })).toThrow(/use the option prefix instead/)
  })
})

test('the options of the caller are neither changed nor kept', () => {
  const options = { url: 'redis://a', tls: { servername: 'x' }, backoff: { maxMs: 10 } }
  const before = structuredClone(options)
  const resolved = resolveOptions({ ...options, url: 'rediss://a' })
  options.tls.servername = 'y'
  options.backoff.maxMs = 20
  expect(resolved.target).toMatchObject({ tls: before.tls })
  expect(resolved.backoff).toEqual({ initialMs: 50, maxMs: 10 })
})

const wrong: readonly [string, object][] = [
  ['an unknown key', { uri: 'redis://a' }],
  ['an unknown mode', { mode: 'stream' }],
  ['a URL of something else', { url: 'http://a' }],
  ['no URL at all', { url: 'localhost:6379' }],
  ['a URL without a host', { url: 'redis:///0' }],
  ['a URL with a query', { url: 'redis://a?db=1' }],
  ['a URL with a path', { url: 'redis://a/abc' }],
  ['bad escapes', { url: 'redis://a:%zz@b' }],
  ['two ways', { url: 'redis://a', cluster: ['b'] }],
  ['Sentinels without a name', { sentinels: ['a'] }],
  ['a name without Sentinels', { name: 'a' }],
  ['no Sentinels', { sentinels: [], name: 'a' }],
  ['a node without a host', { cluster: [{ port: 1 }] }],
  ['a node with a bad port', { cluster: ['a:99999'] }],
  ['credentials in the address of a node', { cluster: ['redis://u:p@a'] }],
  ['a database of a Cluster', { cluster: ['a'], db: 1 }],
  ['TLS off on rediss', { url: 'rediss://a', tls: false }],
  ['TLS as text', { tls: 'yes' }],
  ['a brace in the prefix', { prefix: 'a{b}' }],
  ['a space in the prefix', { prefix: 'a b' }],
  ['a glob in the prefix', { prefix: 'a*' }],
  ['a consumer with a slash', { consumerName: 'a/b' }],
  ['a timeout as text', { connectTimeoutMs: '5' }],
  ['a timeout in fractions', { keepAliveMs: 10.5 }],
  ['no pending calls', { maxPending: 0 }],
  ['a negative database', { db: -1 }],
  ['an unknown backoff', { backoff: { factor: 2 } }],
  ['a backoff of nothing', { backoff: { initialMs: 0 } }],
  ['a client that is none', { client: {} }],
]

test.each(wrong)('%s is refused', (_what, options) => {
  expect(() => resolveOptions(options as RedisOptions)).toThrow(
    expect.objectContaining({ code: 'ERR_AETHER_OPTIONS_INVALID' }),
  )
})

test('no refusal repeats a password', () => {
  for (const url of [
    'http://u:geheim@a',
    'redis://u:geheim@a?x',
    'redis://u:geheim@a/b',
    'redis://u:geheim%zz@a',
  ]) {
    try {
      resolveOptions({ url })
      expect.unreachable()
    } catch (error) {
      expect(String(error) + JSON.stringify(error)).not.toContain('geheim')
    }
  }
})
