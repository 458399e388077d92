import { silentLogger } from '@aether/core'
import { type RedisCluster, type RedisServer, startRedis, startRedisCluster } from '@aether/services'
import { until } from '@aether/testing'
import { getActiveResourcesInfo } from 'node:process'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createLink } from '../../src/link/create-link.ts'
import type { RedisLink } from '../../src/link/redis-link.ts'
import { type RedisOptions, resolveOptions } from '../../src/options.ts'

let cluster: RedisCluster
beforeAll(async () => {
  cluster = await startRedisCluster({ config: { 'cluster-require-full-coverage': 'no' } })
}, 40_000)
afterAll(() => cluster.close())

async function opened(options: RedisOptions = {}): Promise<RedisLink> {
  const link = createLink(
    resolveOptions({ cluster: cluster.urls, backoff: { initialMs: 5, maxMs: 50 }, ...options }),
  )
  await link.start(silentLogger)
  return link
}

const count = { name: 'count', lua: "return redis.call('INCR', KEYS[1])" }
const lost = { code: 'ERR_AETHER_TRANSPORT_LOST', retryable: true }

/** The node that has the slot of a key. */
async function homeOf(key: string): Promise<{ readonly slot: string; readonly index: number }> {
  const slot = await (cluster.masters[0] as RedisServer).cli('cluster', 'keyslot', key)
  return { slot, index: Math.floor(Number(slot) / 5_462) }
}

/** Moves the slot of the only key in it to the next node. */
async function moveSlot(all: RedisCluster, key: string): Promise<void> {
  const [first] = all.masters as [RedisServer]
  const slot = await first.cli('cluster', 'keyslot', key)
  const index = Math.floor(Number(slot) / 5_462)
  const [from, to] = [all.masters[index], all.masters[(index + 1) % 3]] as [RedisServer, RedisServer]
  const [fromId, toId] = await Promise.all([from.cli('cluster', 'myid'), to.cli('cluster', 'myid')])
  await to.cli('cluster', 'setslot', slot, 'importing', fromId)
  await from.cli('cluster', 'setslot', slot, 'migrating', toId)
  expect(await from.cli('migrate', '127.0.0.1', to.port, key, 0, 5_000)).toBe('OK')
  for (const node of [to, from]) await node.cli('cluster', 'setslot', slot, 'node', toId)
}

const next = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('a call runs once when it resolves, and at most once when it rejects', async () => {
  const link = await opened()
  const note = { name: 'note', lua: "return redis.call('HINCRBY', KEYS[1], ARGV[1], 1)" }
  const keys = ['{a}notes', '{b}notes', '{c}notes', '{d}notes']
  const calls: Promise<boolean>[] = []
  const refusals: unknown[] = []
  const call = async (key: string, id: number): Promise<boolean> => {
    try {
      await link.run(note, [key], [id])
      return true
    } catch (error) {
      refusals.push(error)
      return false
    }
  }
  for (let round = 0; round < 9; round++) {
    // Never all at once: then the link would begin anew.
    const node = cluster.masters[round % 3] as RedisServer
    const killed = node.cli('client', 'kill', 'type', 'normal').then(() => true)
    // Something is on its way whenever the connections end.
    do for (const key of keys) for (let one = 0; one < 20; one++) calls.push(call(key, calls.length))
    while ((await Promise.race([killed, next()])) !== true)
  }
  const resolved = await Promise.all(calls)
  const times = new Map<number, number>()
  for (const key of keys) {
    const reply = ((await link.command('HGETALL', [key])) as Buffer[]).map(Number)
    for (let at = 0; at < reply.length; at += 2) times.set(reply[at] as number, reply[at + 1] as number)
  }
  expect([...times.values()].filter((count) => count !== 1)).toEqual([])
  expect(resolved.filter((isResolved, index) => isResolved && !times.has(index))).toEqual([])
  expect(resolved).toContain(true)
  expect(refusals.length).toBeGreaterThan(0)
  for (const refusal of refusals) expect(refusal).toMatchObject(lost)
  await link.close()
})

test('a connection that stops listening is a connection lost: what was said meanwhile was not heard', async () => {
  const link = await opened()
  const heard: string[] = []
  await link.subscribe('news', (message) => heard.push(message.toString()))
  await Promise.all(cluster.masters.map((node) => node.cli('client', 'kill', 'type', 'pubsub')))
  await expect.poll(() => link.state).toEqual({ status: 'ready', generation: 2 })
  await link.publish('news', Buffer.from('again'))
  await expect.poll(() => heard).toEqual(['again'])
  await link.close()
})

test('messages keep their order', async () => {
  const [speaker, ...listeners] = await Promise.all([opened(), opened(), opened()])
  const heard = listeners.map((): string[] => [])
  await Promise.all(
    listeners.map((link, index) =>
      link.subscribe('order', (message) => heard[index]?.push(message.toString())),
    ),
  )
  const said = Array.from({ length: 2_000 }, (_, index) => String(index))
  await Promise.all(said.map((text) => speaker?.publish('order', Buffer.from(text))))
  await expect.poll(() => heard.map(({ length }) => length)).toEqual([2_000, 2_000])
  for (const each of heard) expect(each).toEqual(said)
  await Promise.all([speaker, ...listeners].map((link) => link?.close()))
})

test('what a node is asked that freezes is settled, what it is asked then waits, and others answer', async () => {
  const link = await opened({ keepAliveMs: 200, attemptTimeoutMs: 1_000, connectTimeoutMs: 20_000 })
  const { index } = await homeOf('{frozen}')
  const [frozen, other] = [cluster.masters[index], cluster.masters[(index + 1) % 3]] as [
    RedisServer,
    RedisServer,
  ]
  await link.run(count, ['{frozen}'], [])
  frozen.freeze()
  await expect(link.run(count, ['{frozen}'], [])).rejects.toMatchObject(lost)
  const waiting = link.run(count, ['{frozen}'], [])
  const keys = ['{a}', '{b}', '{c}', '{d}', '{e}', '{f}']
  const homes = await Promise.all(keys.map((key) => other.cli('cluster', 'keyslot', key)))
  const elsewhere = keys.find((_, at) => Math.floor(Number(homes[at]) / 5_462) !== index) as string
  expect(await link.run(count, [`${elsewhere}elsewhere`], [])).toBe(1)
  frozen.thaw()
  // Once for sure, and what was lost perhaps.
  expect([2, 3]).toContain(await waiting)
  await link.close()
})

test('close leaves nothing at once, also while a frozen node is asked for the slots', async () => {
  const before = getActiveResourcesInfo().length
  const link = await opened({
    cluster: [cluster.urls[0] as string],
    keepAliveMs: 200,
    attemptTimeoutMs: 6_000,
  })
  const keys = ['{a}', '{b}', '{c}', '{d}', '{e}', '{f}'].map((tag) => `${tag}close`)
  await Promise.all(keys.map((key) => link.run(count, [key], [])))
  const frozen = cluster.masters.slice(1)
  for (const node of frozen) node.freeze()
  // Until the one that is left is all that answers, and the others are sought.
  for (const key of keys)
    await link.run(count, [key], [], { signal: AbortSignal.timeout(400) }).catch(() => {})
  const began = performance.now()
  await link.close()
  await until(() => getActiveResourcesInfo().length <= before)
  expect(performance.now() - began).toBeLessThan(500)
  for (const node of frozen) node.thaw()
})

test('a slot that moves to a node that dies', { timeout: 40_000 }, async () => {
  const { slot, index } = await homeOf('{dying}')
  const [from, to] = [cluster.masters[index], cluster.masters[(index + 1) % 3]] as [RedisServer, RedisServer]
  // Which listens to one that lives on.
  const link = await opened({ cluster: [from.url] })
  const [fromId, toId] = await Promise.all([from.cli('cluster', 'myid'), to.cli('cluster', 'myid')])
  await to.cli('cluster', 'setslot', slot, 'importing', fromId)
  await from.cli('cluster', 'setslot', slot, 'migrating', toId)
  await to.kill()
  // Its process is alive after that, too.
  await expect(link.run(count, ['{dying}'], [])).rejects.toMatchObject(lost)
  await from.cli('cluster', 'setslot', slot, 'stable')
  await expect.poll(() => link.run(count, ['{dying}'], []).catch(() => 0)).toBe(1)
  expect(link.state).toEqual({ status: 'ready', generation: 1 })
  await link.close()
  await to.restart()
})

test(
  'nodes that have no name for themselves or for others are found where the first one was',
  { timeout: 40_000 },
  async () => {
    const node = await startRedis({ config: { 'cluster-enabled': 'yes' } })
    await node.cli('cluster', 'addslotsrange', 0, 16_383)
    // A node that never met another.
    const one = await opened({ cluster: [node.url] })
    expect(await one.run(count, ['alone'], [])).toBe(1)
    await one.close()
    await node.close()
    const secretive = await startRedisCluster({
      config: { 'cluster-preferred-endpoint-type': 'unknown-endpoint' },
    })
    const link = await opened({ cluster: [secretive.urls[0] as string] })
    const keys = Array.from({ length: 30 }, (_, index) => `{${index}}secretive`)
    expect(await Promise.all(keys.map((key) => link.run(count, [key], [])))).toEqual(keys.map(() => 1))
    const sizes = await Promise.all(secretive.masters.map((master) => master.cli('dbsize')))
    expect(sizes.every((size) => Number(size) > 0)).toBe(true)
    await moveSlot(secretive, '{0}secretive')
    expect(await link.run(count, ['{0}secretive'], [])).toBe(2)
    await link.close()
    await secretive.close()
  },
)
