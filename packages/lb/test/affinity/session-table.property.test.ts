import fc from 'fast-check'
import { expect, it } from 'vitest'
import { SessionTable } from '../../src/affinity/session-table.ts'
import type { Endpoint } from '../../src/backends/endpoint.ts'

const limit = 5
const ttlMs = 100

const step = fc.oneof(
  fc.record({ kind: fc.constant('use' as const), key: fc.nat(8), to: fc.nat(2) }),
  fc.record({ kind: fc.constant('pass' as const), ms: fc.nat(60) }),
  fc.record({ kind: fc.constant('sweep' as const) }),
  fc.record({ kind: fc.constant('remove' as const), to: fc.nat(2) }),
)

it('leads each session where a plain list would, and counts those of each backend exactly', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      // All that the table touches of a backend is the count.
      const backends = Array.from({ length: 3 }, () => ({ sessions: 0 }) as Endpoint)
      const table = new SessionTable(limit, ttlMs)
      // The oldest first.
      let model: { key: string; to: Endpoint; expiresAt: number }[] = []
      let now = 0
      for (const each of steps) {
        if (each.kind === 'pass') now += each.ms
        else if (each.kind === 'sweep') {
          table.sweep(now)
          model = model.filter(({ expiresAt }) => now < expiresAt)
          expect(table.size).toBe(model.length)
        } else if (each.kind === 'remove') {
          table.removeAll(backends[each.to]!)
          model = model.filter(({ to }) => to !== backends[each.to])
          expect(backends[each.to]!.sessions).toBe(0)
        } else {
          const key = `s${each.key}`
          const known = model.find((session) => session.key === key && now < session.expiresAt)
          expect(table.find(key, now)).toBe(known?.to)
          const to = backends[each.to]!
          table.bind(key, to, now)
          model = model.filter((session) => session.key !== key)
          if (model.length === limit) model.shift()
          model.push({ key, to, expiresAt: now + ttlMs })
        }
        for (const backend of backends)
          expect(backend.sessions).toBe(model.filter(({ to }) => to === backend).length)
      }
    }),
  )
})
