import { expect, test } from 'vitest'

import { hasWildcard, isFilter, isTopic } from '../../src/topics/topic-names.ts'

test.each([
  'a',
  'a/b',
  '/',
  '//a/',
  '$sys/x',
  'grüße/✓/😀',
  'x'.repeat(16_384),
  Array.from({ length: 128 }, () => 'a').join('/'),
])('a topic: %s', (name) => {
  expect(isTopic(name)).toBe(true)
  expect(isFilter(name)).toBe(true)
  expect(hasWildcard(name)).toBe(false)
})

test.each(['+', '#', 'a/+', '+/a', 'a/#', '+/+/#', '/+'])('a filter, not a topic: %s', (name) => {
  expect(isTopic(name)).toBe(false)
  expect(isFilter(name)).toBe(true)
  expect(hasWildcard(name)).toBe(true)
})

test.each([
  '',
  'a b',
  'a\tb',
  'a\u0000',
  'a\u007f',
  'a\u0085',
  '\ud800',
  'a\udc00b',
  '\ud800\ud800\udc00',
  'a+',
  '+a',
  'a/b#',
  '#/a',
  'a/#/b',
  '##',
  'x'.repeat(16_385),
  Array.from({ length: 129 }, () => 'a').join('/'),
])('neither: %j', (name) => {
  expect(isTopic(name)).toBe(false)
  expect(isFilter(name)).toBe(false)
})
