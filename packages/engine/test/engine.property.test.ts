import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import { commands } from './model/commands.ts'
import { runCommands } from './model/run-commands.ts'

describe.each(['most-credit', 'round-robin', 'random'] as const)(
  'any commands, dispatched by %s',
  (policy) => {
    test('agree with the model: one holder a workgroup, fences, ledger, order, credit, bounds, times', () => {
      fc.assert(
        fc.property(commands, (list) => {
          runCommands(list, policy)
        }),
        { numRuns: 250 },
      )
    })

    test('give the same effects when run again', () => {
      fc.assert(
        fc.property(commands, (list) => {
          expect(runCommands(list, policy).map(plain)).toEqual(runCommands(list, policy).map(plain))
        }),
        { numRuns: 50 },
      )
    })
  },
)

/** An effect as text: leases are records of the engine, with its own links in them. */
function plain(effect: ReturnType<typeof runCommands>[number]): string {
  if (!('lease' in effect)) return JSON.stringify(effect)
  const { id, tid, route, workgroup, attempt, body, owner, consumer, remainingMs } = effect.lease
  return JSON.stringify([effect.kind, id, tid, route, workgroup, attempt, body, owner, consumer, remainingMs])
}
