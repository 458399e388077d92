import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { checkMatrix } from '../../src/matrix/check-matrix.ts'
import { type Files, fixtureWorkspace, manifest } from '../fixture-workspace.ts'

const suites = [
  'leases and fences',
  'send and consume',
  'workgroups',
  'delay',
  'priority',
  'dead letters',
  'attach and results',
  'ordering',
  'payloads',
]

type Outcome = 'passed' | 'failed' | 'undeclared'
const passed = (
  suite: string,
  name = 'it works',
  faults: readonly string[] = [],
  outcome: Outcome = 'passed',
) => ({
  suite,
  name,
  outcome,
  faults,
})

const capabilities = {
  delivery: 'at-least-once',
  redelivery: 'native',
  durable: false,
  groups: true,
  delay: true,
  priority: false,
  deadLetter: true,
  results: true,
  ordering: true,
  maxPayloadBytes: 1_048_576,
}

const sound = {
  name: 'tcp',
  capabilities,
  faults: ['link', 'worker-kill'],
  cases: [...suites.map((suite) => passed(suite)), passed('reconnection', 'a cut', ['link', 'worker-kill'])],
}

const opening = '<!-- Written by `pnpm matrix` from what the conformance suite ran. -->'
const closing = '<!-- end of what `pnpm matrix` writes -->'

function workspace(report: object = sound, files: Files = {}): string {
  return fixtureWorkspace({
    'README.md': `# Before\n\n${opening}\n${closing}\n\nAfter`,
    'packages/core/package.json': manifest('@aether/core'),
    'packages/transport-tcp/package.json': manifest('@aether/transport-tcp'),
    'packages/transport-tcp/.reports/capabilities-tcp.json': report,
    ...files,
  })
}

const problems = (root: string): readonly string[] =>
  checkMatrix(root, { update: false }).map(({ file, message }) => `${file}: ${message}`)

describe('the matrix', () => {
  it('is written between its marks, and is current from then on', () => {
    const root = workspace()
    expect(problems(root)).toEqual([expect.stringContaining('`pnpm matrix` writes it anew')])
    expect(checkMatrix(root, { update: true })).toEqual([])
    expect(checkMatrix(root, { update: false })).toEqual([])
    const readme = readFileSync(join(root, 'README.md'), 'utf8')
    expect(readme).toMatch(/^# Before\n\n<!-- Written/)
    expect(readme).toMatch(/After$/)
    expect(readme).toContain(
      '| [tcp](packages/transport-tcp) | at least once | native | – | yes | yes | – | yes | yes | yes | 1 MiB | worker killed; connection lost |',
    )
  })

  it('has a line for each mode of a transport, and says nothing of redelivery where there is none', () => {
    const weak = {
      ...sound,
      name: 'redis-pubsub',
      capabilities: { ...capabilities, delivery: 'at-most-once' },
    }
    const root = workspace(sound, {
      'packages/transport-redis/package.json': manifest('@aether/transport-redis'),
      'packages/transport-redis/.reports/capabilities-redis-streams.json': {
        ...sound,
        name: 'redis-streams',
      },
      'packages/transport-redis/.reports/capabilities-redis-pubsub.json': weak,
      'packages/transport-tcp/.reports/capabilities-tcp-old.json': { ...sound, name: 'tcp-old' },
    })
    checkMatrix(root, { update: true })
    const lines = readFileSync(join(root, 'README.md'), 'utf8')
      .split('\n')
      .filter((line) => line.startsWith('| ['))
    expect(lines.map((line) => line.split('|')[1]?.trim())).toEqual([
      '[redis-pubsub](packages/transport-redis)',
      '[redis-streams](packages/transport-redis)',
      '[tcp](packages/transport-tcp)',
      '[tcp-old](packages/transport-tcp)',
    ])
    expect(lines[0]).toContain('| at most once | – |')
  })

  it('is stale once a run shows something else', () => {
    const root = workspace()
    checkMatrix(root, { update: true })
    const readme = readFileSync(join(root, 'README.md'), 'utf8')
    const next = workspace(
      { ...sound, capabilities: { ...capabilities, maxPayloadBytes: 2048 } },
      { 'README.md': readme },
    )
    expect(problems(next)).toEqual([expect.stringContaining('is not what this run shows')])
  })

  it('asks for its place in the README', () => {
    expect(problems(workspace(sound, { 'README.md': '# No marks' }))).toEqual([
      expect.stringContaining('has no place for the table'),
    ])
  })
})

describe('a transport is refused', () => {
  it('that left no report', () => {
    const root = workspace(sound, {
      'packages/transport-mqtt/package.json': manifest('@aether/transport-mqtt'),
    })
    expect(problems(root)).toEqual([expect.stringContaining('packages/transport-mqtt: no report')])
    expect(checkMatrix(root, { update: true })).toHaveLength(1)
  })

  it('one of whose cases failed', () => {
    const cases = [...sound.cases, passed('cancel', 'it stops', [], 'failed')]
    expect(problems(workspace({ ...sound, cases }))).toEqual([
      'packages/transport-tcp/.reports/capabilities-tcp.json: tcp "cancel: it stops" failed',
    ])
  })

  it.each([
    ['delivery', 'leases and fences', 'declares delivery at-least-once, and no case'],
    ['groups', 'workgroups', 'declares groups, and no case'],
    ['delay', 'delay', 'declares delay, and no case'],
    ['priority, which it lacks', 'priority', 'declares no priority, and no case shows that it is refused'],
    ['dead letters', 'dead letters', 'declares deadLetter, and no case'],
    ['results', 'attach and results', 'declares results, and no case'],
    ['ordering', 'ordering', 'declares ordering, and no case'],
    ['payload', 'payloads', 'declares maxPayloadBytes, and no case'],
    ['faults', 'reconnection', 'declares the fault link, and no case with it passed'],
  ])('that shows nothing of %s', (_, suite, message) => {
    const cases = sound.cases.map((each) =>
      each.suite === suite ? { ...each, outcome: 'undeclared' } : each,
    )
    expect(problems(workspace({ ...sound, cases }))).toContainEqual(expect.stringContaining(message))
  })

  it('whose report an older suite left, which named no faults', () => {
    const cases = sound.cases.map(({ suite, name, outcome }) => ({ suite, name, outcome }))
    expect(problems(workspace({ ...sound, cases }))).toContainEqual(
      expect.stringContaining('declares the fault link, and no case with it passed'),
    )
  })

  it('that calls itself durable and whose engine was never restarted', () => {
    const durable = { ...sound, capabilities: { ...capabilities, durable: true } }
    const name = 'a restarted engine still has what it accepted, though its caller is gone'
    expect(problems(workspace(durable))).toEqual([expect.stringContaining('declares durable, and no case')])
    const cases = [...sound.cases, passed('engine faults', name)]
    expect(checkMatrix(workspace({ ...durable, cases }), { update: true })).toEqual([])
  })
})
