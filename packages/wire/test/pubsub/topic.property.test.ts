import fc from 'fast-check'
import { expect, it } from 'vitest'
import { checkFilter, checkTopic, matchesTopic } from '../../src/index.ts'

const level = fc.constantFrom('a', 'b', '', 'ü')

/** The same law, said as a pattern. */
function naive(filter: string, topic: string): boolean {
  const escaped = filter
    .split('/')
    .map((name) => (name === '+' ? '[^/]*' : name))
    .join('/')
  const pattern = escaped === '#' ? '.*' : escaped.replace(/\/#$/, '(/.*)?')
  return new RegExp(`^${pattern}$`, 'u').test(topic)
}

it('matchesTopic agrees with a pattern', () => {
  const filters = fc
    .tuple(fc.array(fc.oneof(level, fc.constant('+')), { minLength: 1, maxLength: 5 }), fc.boolean())
    .map(([levels, open]) => (open ? [...levels, '#'] : levels).join('/'))
  const topics = fc.array(level, { minLength: 1, maxLength: 6 }).map((levels) => levels.join('/'))
  fc.assert(
    fc.property(filters, topics, (filter, topic) => {
      expect(matchesTopic(filter, topic)).toBe(naive(filter, topic))
    }),
    { numRuns: 2_000 },
  )
})

it('checkTopic and checkFilter throw nothing but ERR_AETHER_TOPIC_INVALID', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 40 }), (name) => {
      for (const check of [checkTopic, checkFilter]) {
        try {
          check(name)
        } catch (error) {
          expect(error).toMatchObject({ code: 'ERR_AETHER_TOPIC_INVALID' })
        }
      }
    }),
  )
})
