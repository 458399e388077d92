import fc from 'fast-check'
import { expect, test } from 'vitest'

import { createTopicTrie, isFilter, isTopic, matchFilter } from '../../src/index.ts'

const level = fc.constantFrom('a', 'b', 'c', '', '$s')
const topic = fc
  .array(level, { minLength: 1, maxLength: 5 })
  .map((levels) => levels.join('/'))
  .filter(isTopic)
const filter = fc
  .tuple(fc.array(fc.oneof(level, fc.constant('+')), { maxLength: 4 }), fc.boolean())
  .map(([levels, isOpen]) => [...levels, ...(isOpen ? ['#'] : [])].join('/'))
  .filter(isFilter)

/** The rules of MQTT 5, 4.7, as one reads them. */
function naiveMatch(wanted: string[], levels: string[], isFirst = true): boolean {
  const [want, ...restWanted] = wanted
  const [have, ...rest] = levels
  const isReserved = isFirst && (have?.startsWith('$') ?? false)
  if (want === undefined) return have === undefined
  if (want === '#') return !isReserved
  if (have === undefined) return false
  if (want === '+' ? isReserved : want !== have) return false
  return naiveMatch(restWanted, rest, false)
}

type Step =
  | { readonly add: boolean; readonly filter: string; readonly value: number }
  | { readonly topic: string }

/** Any UTF-16, halves of surrogate pairs and all; mostly of what matters. */
const text = fc
  .array(
    fc.oneof(
      fc.constantFrom(0x2f, 0x2b, 0x23, 0x24, 0x20, 0x61),
      fc.nat({ max: 0xff }),
      fc.nat({ max: 0xffff }),
    ),
    {
      maxLength: 12,
    },
  )
  .map((units) => String.fromCharCode(...units))

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(fc.record({ add: fc.boolean(), filter, value: fc.nat({ max: 3 }) }), fc.record({ topic })),
  { maxLength: 60 },
)

test.each([0, 2, 8_192])(
  'any changes and matches agree with a list of filters (cache of %i)',
  (cacheSize) => {
    fc.assert(
      fc.property(steps, (list) => {
        const trie = createTopicTrie<number>({ cacheSize })
        const filed = new Set<string>()
        for (const step of list) {
          if ('topic' in step) {
            const expected = new Set<number>()
            for (const pair of filed) {
              const [value, wanted] = JSON.parse(pair) as [number, string]
              if (naiveMatch(wanted.split('/'), step.topic.split('/'))) expected.add(value)
            }
            expect(new Set(trie.match(step.topic))).toEqual(expected)
            expect(trie.match(step.topic)).toHaveLength(expected.size)
          } else {
            const pair = JSON.stringify([step.value, step.filter])
            expect(trie[step.add ? 'add' : 'remove'](step.filter, step.value)).toBe(
              filed.has(pair) !== step.add,
            )
            if (step.add) filed.add(pair)
            else filed.delete(pair)
            expect(trie.size).toBe(filed.size)
          }
        }
      }),
      { numRuns: 300 },
    )
  },
)

test('the rule for one pair is the same', () => {
  fc.assert(
    fc.property(filter, topic, (wanted, name) => {
      expect(matchFilter(wanted, name)).toBe(naiveMatch(wanted.split('/'), name.split('/')))
    }),
    { numRuns: 1_000 },
  )
})

test('names are refused or accepted, whatever they are, and a topic is a filter that matches itself', () => {
  fc.assert(
    fc.property(text, (name) => {
      if (isTopic(name)) {
        expect(isFilter(name)).toBe(true)
        expect(matchFilter(name, name)).toBe(true)
        expect(Buffer.from(name).toString()).toBe(name)
      } else expect(createTopicTrie().match(name)).toEqual([])
    }),
    { numRuns: 1_000 },
  )
})
