import type { EventFilter } from '@aether/core'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { coverOf, overlaps } from '../../src/relay/cover.ts'

const level = fc.constantFrom(undefined, '+', 'a', 'b', 'c')
const filter = fc
  .record({
    job: level,
    task: level,
    context: level,
    tid: level,
    action: fc.constantFrom('status', 'complete'),
  })
  .map(
    (given) =>
      Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as EventFilter,
  )
const topic = fc.tuple(
  fc.constantFrom('a', 'b', 'c', 'd'),
  fc.constantFrom('a', 'b', 'c', 'd'),
  fc.constantFrom('a', 'b', 'd'),
  fc.constantFrom('a', 'd'),
  fc.constantFrom('status', 'complete'),
)

function lets({ job, task, context, tid, action }: EventFilter, names: readonly string[]): boolean {
  return [job, task, context, tid, action].every(
    (wanted, index) => wanted === undefined || wanted === '+' || wanted === names[index],
  )
}

it('lets through all that the filters do, and nothing twice', () => {
  fc.assert(
    fc.property(fc.array(filter, { maxLength: 8 }), fc.array(topic, { maxLength: 20 }), (filters, topics) => {
      const cover = coverOf(filters)
      for (const [index, one] of cover.entries())
        for (const other of cover.slice(index + 1)) expect(overlaps(one, other)).toBe(false)
      for (const names of topics) {
        const covered = cover.filter((one) => lets(one, names)).length
        expect(covered).toBeLessThanOrEqual(1)
        if (filters.some((one) => lets(one, names))) expect(covered).toBe(1)
      }
    }),
  )
})

it('keeps apart what does not overlap', () => {
  const filters = [
    { tid: 'a', action: 'status' },
    { tid: 'b', action: 'status' },
  ] as const
  expect(coverOf(filters)).toEqual(filters)
  expect(coverOf([...filters, { job: 'a', action: 'status' }])).toEqual([
    expect.objectContaining({ job: '+', action: 'status' }),
  ])
})
