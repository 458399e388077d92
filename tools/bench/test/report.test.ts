import { expect, it } from 'vitest'
import type { Measure } from '../src/contest.ts'
import { render, reportOf } from '../src/report.ts'
import { scenarios } from '../src/scenarios.ts'

const named = (name: string) =>
  scenarios.find((scenario) => scenario.name === name) ?? expect.fail(`no scenario ${name}`)
const measured = (value: number, p99?: number): Measure => ({ value, seconds: 1, cpuUs: 2, p99 })

it('counts a ratio above 1 as ours being better, for throughput', () => {
  const report = reportOf(
    named('pubsub-16'),
    new Map([
      ['ours', [measured(300)]],
      ['nats', [measured(100)]],
    ]),
    {},
    {},
  )
  expect(report.ratio['nats']).toBe(3)
  expect(report.bars['nats']).toEqual({ ratio: 2, met: true })
})

it('counts a ratio above 1 as ours being better, for latency, with p99 beside it', () => {
  const report = reportOf(
    named('rtt'),
    new Map([
      ['ours', [measured(50, 200)]],
      ['nats', [measured(100, 100)]],
    ]),
    {},
    {},
  )
  expect(report.ratio['nats']).toBe(2)
  expect(report.p99?.ratio['nats']).toBe(0.5)
})

it('prints the multiple of the seed', () => {
  const report = reportOf(named('pubsub-16'), new Map([['ours', [measured(80_000)]]]), {}, {})
  expect(report.ratio['seed']).toBe(10)
})

it('does not call a bar met whose peer is missing, and says so', () => {
  const report = reportOf(
    named('pubsub-16'),
    new Map([['ours', [measured(1)]]]),
    {},
    { nats: 'nats-server is not installed' },
  )
  expect(report.bars['nats']?.met).toBe(false)
  expect(render(report)).toContain('MISSING: nats-server is not installed')
})
