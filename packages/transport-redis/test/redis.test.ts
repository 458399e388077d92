import { createAether, defineTask, type Transport } from '@aether/core'
import { expect, expectTypeOf, test } from 'vitest'
import {
  redis,
  type RedisListsCapabilities,
  redisListsCapabilities,
  type RedisOptions,
  type RedisPubsubCapabilities,
  redisPubsubCapabilities,
  type RedisStreamsCapabilities,
  redisStreamsCapabilities,
} from '../src/index.ts'

test('each mode has its capabilities, also in its type', () => {
  const streams = redis()
  const lists = redis({ mode: 'lists', maxPayloadBytes: 100 })
  const pubsub = redis({ mode: 'pubsub' })
  expect(streams.capabilities).toEqual(redisStreamsCapabilities)
  expect(lists.capabilities).toEqual({ ...redisListsCapabilities, maxPayloadBytes: 100 })
  expect(pubsub.capabilities).toEqual(redisPubsubCapabilities)
  expectTypeOf(streams.capabilities).toEqualTypeOf<RedisStreamsCapabilities>()
  expectTypeOf(redis({ mode: 'streams' }).capabilities).toEqualTypeOf<RedisStreamsCapabilities>()
  expectTypeOf(lists.capabilities).toEqualTypeOf<RedisListsCapabilities>()
  expectTypeOf(pubsub.capabilities).toEqualTypeOf<RedisPubsubCapabilities>()
  expectTypeOf(redis({} as RedisOptions)).toEqualTypeOf<Transport>()
  expect([streams, lists, pubsub].map((one) => one.name)).toEqual([
    'redis-streams',
    'redis-lists',
    'redis-pubsub',
  ])
  expect([streams, lists, pubsub].map((one) => one.state.status)).toEqual(['idle', 'idle', 'idle'])
})

test('a task may ask only for what its mode can do', () => {
  const pubsub = createAether({ union: 'types', transport: redis({ mode: 'pubsub' }) })
  const task = defineTask({ job: 'types', task: 'any' })
  // @ts-expect-error: pub/sub keeps no results, so that nothing can be attached to.
  expectTypeOf(pubsub.attach(task, 'tid'))
  const streams = createAether({ union: 'types', transport: redis() })
  expectTypeOf(streams.attach).toBeFunction()
})

test('wrong options throw at once', () => {
  expect(() => redis({ mode: 'list' as 'lists' })).toThrow(
    expect.objectContaining({ code: 'ERR_AETHER_OPTIONS_INVALID' }),
  )
})
