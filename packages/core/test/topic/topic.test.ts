import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import { matchesFilter } from '../../src/topic/event-filter.ts'
import { isName } from '../../src/topic/names.ts'
import { routeCache } from '../../src/topic/route-cache.ts'
import {
  checkRoute,
  filterTopic,
  parseTopic,
  requireTopic,
  sharedTopic,
  topicOf,
} from '../../src/topic/topic.ts'
import type { AetherEvent } from '../../src/transport.ts'

const route = { union: 'production', job: 'engine', task: 'process-data', context: 'batch1' }

describe('topics', () => {
  test('are those of AetherMagic', () => {
    expect(topicOf(route, 'task-1', 'perform')).toBe('production/engine/process-data/batch1/task-1/perform')
    expect(sharedTopic(route, 'workers')).toBe(
      '$share/production_engine_workers/production/engine/process-data/batch1/+/perform',
    )
  })

  test('filters leave any level open', () => {
    expect(filterTopic('production', {})).toBe('production/+/+/+/+/+')
    expect(filterTopic('production', { job: 'engine', tid: 't', action: 'status' })).toBe(
      'production/engine/+/+/t/status',
    )
  })

  test.each([
    '',
    'a',
    'a/b/c/d/e',
    'a/b/c/d/e/perform/x',
    'u/a/b/c/d/e/perform',
    'a/b/c/d/e/explode',
    'a//c/d/e/perform',
    'a/b/c/d//perform',
    'a/b/+/d/e/perform',
    '$share/g/a/b/c/perform',
    '$SYS/broker/load/x/y/status',
  ])('does not take %s for one of ours', (topic) => {
    expect(parseTopic(topic, routeCache())).toBeUndefined()
    expect(() => requireTopic(topic, routeCache())).toThrow(
      expect.objectContaining({ code: 'ERR_AETHER_TOPIC_INVALID' }),
    )
  })

  test('parsing undoes building, for any names', () => {
    const name = fc.string({ minLength: 1, maxLength: 20 }).filter(isName)
    const routes = routeCache(8)
    fc.assert(
      fc.property(name, name, name, name, name, (union, job, task, context, tid) => {
        const topic = topicOf({ union, job, task, context }, tid, 'complete')
        expect(requireTopic(topic, routes)).toEqual({
          route: { union, job, task, context },
          tid,
          action: 'complete',
        })
        expect(routes.size).toBeLessThanOrEqual(8)
      }),
    )
  })

  test('one route object for one key', () => {
    const routes = routeCache()
    expect(requireTopic('a/b/c/d/1/status', routes).route).toBe(
      requireTopic('a/b/c/d/2/perform', routes).route,
    )
  })

  test('wildcards only where they are asked for', () => {
    const any = { ...route, context: '+' }
    expect(checkRoute(any, { wildcards: true })).toBe(any)
    expect(() => checkRoute(any)).toThrow(expect.objectContaining({ code: 'ERR_AETHER_NAME_INVALID' }))
    expect(() => checkRoute({ ...route, union: '+' }, { wildcards: true })).toThrow('union')
  })
})

test('an event filter matches level by level', () => {
  const event: AetherEvent = { action: 'cancel', route, tid: 't1', client: 'c', host: 'h', reason: 'user' }
  expect(matchesFilter({}, event)).toBe(true)
  expect(matchesFilter({ job: 'engine', context: '+', action: 'cancel' }, event)).toBe(true)
  expect(matchesFilter({ tid: 't2' }, event)).toBe(false)
  expect(matchesFilter({ action: 'status' }, event)).toBe(false)
  expect(matchesFilter({ job: 'other' }, event)).toBe(false)
  expect(matchesFilter({ context: 'x' }, event)).toBe(false)
})
