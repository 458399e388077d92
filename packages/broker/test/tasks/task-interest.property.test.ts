import { matchFilter } from '@aether/engine'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Connection } from '../../src/connection/connection.ts'
import { TaskInterest } from '../../src/tasks/task-interest.ts'

const name = fc.constantFrom('a', 'b')
const level = fc.constantFrom('a', 'b', '+', 'status', 'complete')
const filter = fc
  .tuple(fc.array(level, { minLength: 0, maxLength: 7 }), fc.boolean())
  .filter(([levels, isOpen]) => levels.length > 0 || isOpen)
  .map(([levels, isOpen]) => (isOpen ? [...levels, '#'] : levels).join('/'))
const route = fc.tuple(name, name, name, name).map((levels) => levels.join('/'))

test('a route is wanted whenever a filter matches one of its events, after any adding and removing', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(filter, fc.boolean())), route, name, (steps, path, tid) => {
      const interest = new TaskInterest()
      const connection = {} as Connection
      const present = new Set<string>()
      for (const [one, isAdded] of steps) {
        if (isAdded && !present.has(one)) {
          present.add(one)
          interest.add(one, connection)
        } else if (!isAdded && present.delete(one)) interest.remove(one, connection)
        // Also between the steps, so that what is remembered grows old.
        interest.wants(path, 'status')
      }
      for (const action of ['status', 'complete'] as const) {
        const topic = `${path}/${tid}/${action}`
        const isMatched = [...present].some((one) => matchFilter(one, topic))
        expect(interest.match(topic)).toEqual(isMatched ? [connection] : [])
        if (isMatched) expect(interest.wants(path, action)).toBe(true)
        // Any tid may come: so a route is wanted exactly when some tid could match.
        const couldMatch = [...present].some((one) =>
          ['a', 'b', '+', 'status', 'complete'].some((id) => matchFilter(one, `${path}/${id}/${action}`)),
        )
        expect(interest.wants(path, action)).toBe(couldMatch)
      }
    }),
    { numRuns: 1_000 },
  )
})
