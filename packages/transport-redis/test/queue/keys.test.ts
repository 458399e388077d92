import { expect, it } from 'vitest'
import { eventPattern, inboxChannel, keyBase, laneOf } from '../../src/queue/keys.ts'

it('the part that Redis Cluster hashes is the whole of union/job/task, whatever its names', () => {
  const bases = ['shop/a/b', 'shop/{a}/b', 'shop/a}/b', 'shop/%7Ba%7D/b', 'shop/{}/b'].map((lane) =>
    keyBase('aether:', lane),
  )
  expect(new Set(bases).size).toBe(bases.length)
  // As the specification of Redis Cluster has it: between the first { and the first } after it.
  for (const base of bases) expect(/\{([^}]*)\}/.exec(base)?.[0]).toBe(base.slice('aether:'.length))
})

it('contexts share the keys of their job/task', () => {
  const route = { union: 'u', job: 'j', task: 't', context: 'one' }
  expect(laneOf(route)).toBe(laneOf({ ...route, context: 'two' }))
  expect(inboxChannel('p:', 'me')).toBe('p:inbox/me')
})

it('names in patterns stand for themselves', () => {
  expect(eventPattern('p:', 'u', {})).toBe('p:event/u/*/*/*/*/*')
  expect(eventPattern('p:', 'u?', { job: '[a-z]', task: '+', action: 'status' })).toBe(
    String.raw`p:event/u\?/\[a-z\]/*/*/*/status`,
  )
})
