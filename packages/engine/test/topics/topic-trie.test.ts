import { describe, expect, test } from 'vitest'

import { createTopicTrie } from '../../src/index.ts'

describe('a trie of topic filters', () => {
  test.each([
    ['a/b', ['a/b'], ['a', 'a/b/c', 'a/B', '/a/b']],
    ['a/+/c', ['a/b/c', 'a//c'], ['a/c', 'a/b/b/c', 'a/b/c/d']],
    ['+', ['a'], ['a/b', '/a', '$a']],
    ['+/+', ['a/b', '/a'], ['a', '$a/b']],
    ['#', ['a', 'a/b', '/'], ['$a', '$a/b']],
    ['a/#', ['a', 'a/b', 'a/b/c', 'a/'], ['b', 'ab']],
    ['+/a/#', ['x/a', 'x/a/b'], ['a', 'x/b']],
    ['$a/#', ['$a', '$a/b'], ['a']],
    ['a/+/', ['a/b/'], ['a/b']],
  ])('%s', (filter, matching, others) => {
    const trie = createTopicTrie<string>()
    trie.add(filter, 'x')
    for (const topic of matching) expect(trie.match(topic), topic).toEqual(['x'])
    for (const topic of others) expect(trie.match(topic), topic).toEqual([])
  })

  test('a value is found once, however many of its filters match', () => {
    const trie = createTopicTrie<string>()
    for (const filter of ['a/b', 'a/+', 'a/#', '#']) expect(trie.add(filter, 'x')).toBe(true)
    expect(trie.add('a/b', 'x')).toBe(false)
    trie.add('a/b', 'y')
    expect(trie.match('a/b').toSorted()).toEqual(['x', 'y'])
    expect(trie.size).toBe(5)
    expect(trie.has('a/+', 'x')).toBe(true)
    expect(trie.has('a/+', 'y')).toBe(false)
  })

  test('a match is remembered until the filters change', () => {
    const trie = createTopicTrie<string>()
    trie.add('a/+', 'x')
    const first = trie.match('a/b')
    expect(trie.match('a/b')).toBe(first)
    trie.add('a/b', 'y')
    expect(trie.match('a/b').toSorted()).toEqual(['x', 'y'])
    expect(trie.remove('a/+', 'x')).toBe(true)
    expect(trie.remove('a/+', 'x')).toBe(false)
    expect(trie.remove('never/there', 'x')).toBe(false)
    expect(trie.match('a/b')).toEqual(['y'])
    expect(first).toEqual(['x'])
  })

  test('what is no filter is refused', () => {
    const trie = createTopicTrie<string>()
    const error = expect.objectContaining({ code: 'ERR_AETHER_TOPIC_INVALID' })
    for (const filter of ['', 'a/#/b', 'a+', '#a', 'a b']) expect(() => trie.add(filter, 'x')).toThrow(error)
    expect(() => createTopicTrie({ cacheSize: -1 })).toThrow(
      expect.objectContaining({ code: 'ERR_AETHER_OPTIONS_INVALID' }),
    )
  })
})
