import { silentLogger, type TransportState } from '@aether/core'
import { type RedisServer, startRedis } from '@aether/services'
import { createFaultProxy, type FaultProxy, until } from '@aether/testing'
import { Redis } from 'ioredis'
import { getActiveResourcesInfo } from 'node:process'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createLink } from '../../src/link/create-link.ts'
import type { RedisLink } from '../../src/link/redis-link.ts'
import { type RedisOptions, resolveOptions } from '../../src/options.ts'

let server: RedisServer
let proxy: FaultProxy
beforeAll(async () => {
  server = await startRedis()
  proxy = await createFaultProxy({ target: { port: server.port } })
})
afterAll(async () => {
  await proxy.close()
  await server.close()
})

function link(options: RedisOptions = {}): RedisLink {
  return createLink(
    resolveOptions({
      url: `redis://127.0.0.1:${proxy.port}`,
      backoff: { initialMs: 5, maxMs: 20 },
      ...options,
    }),
  )
}

async function opened(options: RedisOptions = {}): Promise<RedisLink> {
  const one = link(options)
  await one.start(silentLogger)
  return one
}

function refusalOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => 'it did not reject',
    (error: unknown) => error,
  )
}

async function isReadyAgain(one: RedisLink): Promise<void> {
  await expect
    .poll(() => one.state.status === 'ready' && one.state.generation, { timeout: 5_000 })
    .toBeGreaterThan(1)
}

const slow = { name: 'slow', lua: "redis.call('INCR', KEYS[1]) return 1" }

test('what is under way when the connection ends is told that it may have run', async () => {
  const one = await opened()
  proxy.stall()
  const call = one.run(slow, ['cut'], [])
  const aborted = one.command('GET', ['cut'], { signal: AbortSignal.timeout(5) })
  await expect(aborted).rejects.toMatchObject({ name: 'TimeoutError' })
  proxy.cut()
  await expect(call).rejects.toMatchObject({ code: 'ERR_AETHER_TRANSPORT_LOST', retryable: true })
  // Meanwhile calls wait.
  const later = one.run(slow, ['later'], [])
  proxy.heal()
  expect(await later).toBe(1)
  await one.close()
})

test('a stalled link is noticed and replaced', async () => {
  const one = await opened({ keepAliveMs: 200, attemptTimeoutMs: 300 })
  const heard: string[] = []
  await one.subscribe('stall', (message) => heard.push(message.toString()))
  proxy.stall()
  const began = performance.now()
  await expect.poll(() => one.state.status, { interval: 5, timeout: 5_000 }).toBe('reconnecting')
  expect(performance.now() - began).toBeLessThan(2_000)
  proxy.heal()
  await isReadyAgain(one)
  await one.publish('stall', Buffer.from('again'))
  await expect.poll(() => heard).toEqual(['again'])
  await one.close()
})

test('a frozen server is noticed, and an injected client with it', async () => {
  const client = new Redis({ port: proxy.port })
  const links = [await opened({ keepAliveMs: 200, attemptTimeoutMs: 300 })]
  links.push(createLink(resolveOptions({ client, keepAliveMs: 200, attemptTimeoutMs: 300 })))
  await links[1]?.start(silentLogger)
  server.freeze()
  for (const one of links) await expect.poll(() => one.state.status, { timeout: 5_000 }).toBe('reconnecting')
  server.thaw()
  for (const one of links) {
    await isReadyAgain(one)
    expect(String(await one.command('PING', []))).toBe('PONG')
    await one.close()
  }
  expect(await client.ping()).toBe('PONG')
  client.disconnect()
})

test('an injected client that was never connected is told to, and keeps none of our listeners', async () => {
  const client = new Redis({ port: server.port, lazyConnect: true })
  const before = client.eventNames().map((name) => [name, client.listenerCount(name)])
  const one = createLink(resolveOptions({ client }))
  await one.start(silentLogger)
  expect(String(await one.command('PING', []))).toBe('PONG')
  await server.cli('client', 'kill', 'type', 'normal')
  await isReadyAgain(one)
  await one.close()
  expect(client.eventNames().map((name) => [name, client.listenerCount(name)])).toEqual(before)
  expect(await client.ping()).toBe('PONG')
  client.disconnect()
})

test('an injected client that was never connected, before a server that is frozen, is waited for so long', async () => {
  const frozen = await startRedis()
  frozen.freeze()
  const client = new Redis({ port: frozen.port, lazyConnect: true })
  client.on('error', () => {})
  const one = createLink(resolveOptions({ client, connectTimeoutMs: 300, attemptTimeoutMs: 200 }))
  await expect(one.start(silentLogger)).rejects.toMatchObject({ code: 'ERR_AETHER_CONNECT_TIMEOUT' })
  await one.close()
  client.disconnect()
  await frozen.close()
  // The driver's own go when its attempt fails.
  await until(() => client.listenerCount('ready') === 0)
})

test('an injected client that is cut off without a word is asked again and again, and close does not wait for its answer', async () => {
  const client = new Redis({ port: proxy.port })
  client.on('error', () => {})
  const one = createLink(resolveOptions({ client, keepAliveMs: 100, attemptTimeoutMs: 200 }))
  await one.start(silentLogger)
  // New connections get through.
  client.options.port = server.port
  proxy.stall()
  await until(() => one.state.status === 'reconnecting' && one.state.attempt > 1)
  await one.close()
  expect(one.state.status).toBe('closed')
  client.disconnect()
  proxy.cut()
  proxy.heal()
})

test('calls and subscriptions wait for a connection: so many and so long', async () => {
  const one = await opened({ connectTimeoutMs: 1_500, maxPending: 3 })
  const states: TransportState['status'][] = []
  const following = (async () => {
    for await (const state of one.states()) states.push(state.status)
  })()
  proxy.stall()
  proxy.cut()
  await expect.poll(() => one.state.status).toBe('reconnecting')
  const began = performance.now()
  const late = { code: 'ERR_AETHER_CONNECT_TIMEOUT', retryable: true }
  const waiting = [
    refusalOf(one.command('PING', [])),
    refusalOf(one.publish('a', Buffer.of(1))),
    refusalOf(one.subscribe('a', () => {})),
  ]
  await expect(one.command('PING', [])).rejects.toMatchObject({
    code: 'ERR_AETHER_QUEUE_FULL',
    retryable: true,
  })
  for (const refusal of waiting) expect(await refusal).toMatchObject(late)
  expect(performance.now() - began).toBeGreaterThan(1_400)
  const closing = refusalOf(one.command('PING', []))
  await one.close()
  const closed = { code: 'ERR_AETHER_TRANSPORT_CLOSED' }
  expect(await closing).toMatchObject(closed)
  proxy.heal()
  await expect(one.command('PING', [])).rejects.toMatchObject({ code: 'ERR_AETHER_TRANSPORT_CLOSED' })
  await expect(one.subscribe('a', () => {})).rejects.toMatchObject({ code: 'ERR_AETHER_TRANSPORT_CLOSED' })
  await following
  expect(states.at(0)).toBe('reconnecting')
  expect(states.at(-1)).toBe('closed')
})

test('calls under way are bounded too', async () => {
  const one = await opened({ maxPending: 2 })
  const calls = [one.command('PING', []), one.command('PING', [])]
  await expect(one.command('PING', [])).rejects.toMatchObject({ code: 'ERR_AETHER_QUEUE_FULL' })
  await Promise.all(calls)
  await one.command('PING', [])
  await one.close()
})

test('a connection that takes nothing holds calls back, and lets them go on', async () => {
  const one = await opened({ keepAliveMs: 20_000, connectTimeoutMs: 1_500 })
  const patient = await opened({ keepAliveMs: 20_000 })
  proxy.stall()
  const body = Buffer.alloc(1_000_000)
  const calls: Promise<unknown>[] = []
  for (let index = 0; index < 100; index++) {
    calls.push(refusalOf(one.command('SET', ['backlog', body])))
    // Each in a turn of its own.
    await Promise.resolve()
  }
  const waits = patient.command('SET', ['patient', 'x'])
  const full = { code: 'ERR_AETHER_QUEUE_FULL', retryable: true }
  expect(await calls.at(-1)).toMatchObject(full)
  proxy.heal()
  expect(await calls[0]).toBe('it did not reject')
  expect(String(await waits)).toBe('OK')
  await Promise.all(calls)
  await one.close()
  await patient.close()
})

test('a client of the application that gives commands a time', async () => {
  const client = new Redis({ port: server.port, commandTimeout: 100 })
  client.on('error', () => {})
  const one = createLink(resolveOptions({ client }))
  await one.start(silentLogger)
  const sleeping = server.cli('debug', 'sleep', 0.5)
  const error = await refusalOf(
    (async () => {
      for (;;) await one.command('PING', [])
    })(),
  )
  expect(error).toMatchObject({ code: 'ERR_AETHER_TRANSPORT_LOST', retryable: true })
  await sleeping
  await one.close()
  client.disconnect()
})

test('close leaves nothing, whenever it comes', async () => {
  const before = getActiveResourcesInfo().length
  const clients = await server.cli('client', 'list')
  const idle = link()
  await idle.close()
  await expect(idle.start(silentLogger)).rejects.toMatchObject({ code: 'ERR_AETHER_TRANSPORT_CLOSED' })
  const ready = await opened()
  await ready.subscribe('x', () => {})
  await Promise.all([ready.close(), ready.close()])
  proxy.stall()
  const starting = link({ connectTimeoutMs: 10_000 })
  const start = refusalOf(starting.start(silentLogger))
  await starting.close()
  expect(await start).toMatchObject({ code: 'ERR_AETHER_TRANSPORT_CLOSED' })
  const aborted = link({ connectTimeoutMs: 10_000 })
  const reason = new Error('changed my mind')
  await expect(aborted.start(silentLogger, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
  const stop = new AbortController()
  const abortedLater = link({ connectTimeoutMs: 10_000 })
  const later = refusalOf(abortedLater.start(silentLogger, { signal: stop.signal }))
  stop.abort(reason)
  expect(await later).toBe(reason)
  expect(abortedLater.state.status).toBe('failed')
  await Promise.all([aborted.close(), abortedLater.close()])
  proxy.cut()
  proxy.heal()
  const reconnecting = await opened()
  proxy.stall()
  proxy.cut()
  await expect.poll(() => reconnecting.state.status).toBe('reconnecting')
  await reconnecting.close()
  proxy.heal()
  await until(() => getActiveResourcesInfo().length <= before)
  const left = await server.cli('client', 'list')
  expect(left.split('\n').length).toBeLessThanOrEqual(clients.split('\n').length)
})

test('a handler that throws stops nobody', async () => {
  const errors: unknown[] = []
  const one = link()
  await one.start({ ...silentLogger, error: (message, fields) => errors.push([message, fields]) })
  const heard: string[] = []
  await one.subscribe('throws', () => {
    throw new Error('mine')
  })
  await one.subscribe('throws', (message) => heard.push(message.toString()))
  await one.publish('throws', Buffer.from('hi'))
  await expect.poll(() => heard).toEqual(['hi'])
  expect(errors).toHaveLength(1)
  expect(one.state).toEqual({ status: 'ready', generation: 1 })
  await one.close()
})
