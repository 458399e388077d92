import { silentLogger } from '@aether/core'
import { type RedisServer, startRedis } from '@aether/services'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createLink } from '../../src/link/create-link.ts'
import { type RedisOptions, resolveOptions } from '../../src/options.ts'
import type { RedisLink } from '../../src/link/redis-link.ts'

let server: RedisServer
beforeAll(async () => {
  server = await startRedis()
})
afterAll(() => server.close())

async function opened(options: RedisOptions = {}): Promise<RedisLink> {
  const link = createLink(resolveOptions({ url: server.url, ...options }))
  await link.start(silentLogger)
  return link
}

test('runs commands and scripts, with replies as bytes', async () => {
  const link = await opened()
  await link.command('SET', ['text', Uint8Array.of(0, 255, 10)])
  expect(await link.command('GET', ['text'])).toEqual(Buffer.of(0, 255, 10))
  const script = { name: 'both', lua: "return { KEYS[1], ARGV[1], 7, false, redis.call('get', KEYS[1]) }" }
  const reply = await link.run(script, ['text'], [Uint8Array.of(1, 2)])
  expect(reply).toEqual([Buffer.from('text'), Buffer.of(1, 2), 7, null, Buffer.of(0, 255, 10)])
  await server.cli('script', 'flush')
  expect(await link.run(script, ['text'], [5])).toEqual([
    Buffer.from('text'),
    Buffer.from('5'),
    7,
    null,
    Buffer.of(0, 255, 10),
  ])
  await link.close()
})

test('replies have the shapes of Redis, not those of the driver', async () => {
  const link = await opened()
  await link.command('HSET', ['hash', 'field', 'value'])
  const field = [Buffer.from('field'), Buffer.from('value')]
  expect(await link.command('hgetall', ['hash'])).toEqual(field)
  await link.command('XADD', ['stream', '1-1', 'field', 'value'])
  const entries = [[Buffer.from('1-1'), field]]
  expect(await link.command('XRANGE', ['stream', '-', '+'])).toEqual(entries)
  expect(await link.command('XREAD', ['STREAMS', 'stream', '0'])).toEqual([[Buffer.from('stream'), entries]])
  await link.command('ZADD', ['sorted', 1.5, 'member'])
  expect(await link.command('ZRANGE', ['sorted', 0, -1, 'WITHSCORES'])).toEqual([
    Buffer.from('member'),
    Buffer.from('1.5'),
  ])
  await link.close()
})

test('hears channels and patterns', async () => {
  const link = await opened()
  const heard: unknown[] = []
  const one = await link.subscribe('käse', (message) => heard.push(['one', message.toString()]))
  await link.subscribe('käse', (message) => heard.push(['two', message.toString()]))
  await link.subscribePattern('k*', (message, channel) => heard.push([channel, message.toString()]))
  expect(await link.publish('käse', Buffer.from('hi'))).toBe(2)
  await expect.poll(() => heard.length).toBe(3)
  await one.close()
  await link.publish('käse', Buffer.from('ho'))
  await expect
    .poll(() => heard.slice(3))
    .toEqual([
      ['two', 'ho'],
      ['käse', 'ho'],
    ])
  await link.close()
})

test('comes back after its connections are killed, with its subscriptions', async () => {
  const link = await opened({ backoff: { initialMs: 5, maxMs: 20 } })
  const heard: string[] = []
  await link.subscribe('news', (message) => heard.push(message.toString()))
  await server.cli('client', 'kill', 'type', 'pubsub')
  await expect.poll(() => link.state).toEqual({ status: 'ready', generation: 2 })
  expect(await link.publish('news', Buffer.from('still'))).toBe(1)
  await expect.poll(() => heard).toEqual(['still'])
  await server.cli('client', 'kill', 'type', 'normal')
  await expect.poll(() => link.state).toEqual({ status: 'ready', generation: 3 })
  await link.close()
  expect(link.state).toEqual({ status: 'closed' })
})
