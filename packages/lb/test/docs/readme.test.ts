import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { operationNames } from '../../src/control/execute.ts'
import { algorithmNames, highAvailability, LbError, quantumAware } from '../../src/index.ts'
import { checkOptions, optionNames } from '../../src/options.ts'
import { checkAutoscale } from '../../src/scaling/autoscale-options.ts'
import { checkLocalProcesses } from '../../src/scaling/local-processes-options.ts'

const folder = new URL('../../', import.meta.url)
const textOf = (path: string): string => readFileSync(new URL(path, folder), 'utf8')
const readme = textOf('README.md')

/** First and second column of the table under this heading of its first column. */
function tableOf(heading: string): ReadonlyMap<string, string> {
  const lines = readme.split('\n')
  const start = lines.findIndex((line) => line.startsWith(`| ${heading} |`))
  const rows = lines.slice(start + 2, lines.indexOf('', start))
  return new Map(
    rows.map((row) => {
      const [, name = '', value = ''] = row.split(' | ').flatMap((cell) => cell.split(/^\| | \|$/))
      return [name.replaceAll('`', ''), value] as const
    }),
  )
}

/** `5 000`, `'p2c'` and `true` as they are documented; the rest is words. */
function valueOf(cell: string): unknown {
  const text = cell.replaceAll('`', '').replaceAll(/(?<=\d)\s(?=\d)/g, '')
  if (/^'.*'$/.test(text)) return text.slice(1, -1)
  if (text === 'true' || text === 'false') return text === 'true'
  if (text === '[]') return []
  return /^[\d.]+$/.test(text) ? Number(text) : undefined
}

const whole = checkOptions({
  healthCheck: { probe: 'tcp' },
  outlier: {},
  slowStart: { windowMs: 1 },
  hedge: {},
  concurrency: {},
  affinity: { by: 'session' },
  rateLimit: {},
  groups: { name: {} },
})

describe('the README', () => {
  it('documents every option with the default that it has', () => {
    const table = tableOf('option')
    const top = [...table.keys()].filter((name) => !name.includes('.'))
    expect(top.toSorted()).toEqual([...optionNames].toSorted())
    const bare = checkOptions({}) as unknown as Readonly<Record<string, unknown>>
    for (const name of top) {
      const cell = table.get(name)!
      const expected = cell === 'none' ? undefined : valueOf(cell)
      if (['on', 'by status', 'system', 'silent'].includes(cell) || name === 'groups')
        expect(valueOf(cell), name).toBeUndefined()
      else expect(bare[name], name).toEqual(expected)
    }
    const sections: Readonly<Record<string, object>> = {
      healthCheck: whole.healthCheck!,
      breaker: whole.breaker,
      outlier: whole.outlier!,
      slowStart: whole.slowStart!,
      retry: whole.retry,
      hedge: whole.hedge!,
      queue: whole.queue,
      concurrency: whole.concurrency!,
      affinity: whole.affinity!,
      'groups.name': whole.groups.get('name')!,
    }
    for (const [section, checked] of Object.entries(sections)) {
      const documented = [...table].filter(([name]) => name.startsWith(`${section}.`))
      const names = documented.map(([name]) => name.slice(section.length + 1))
      expect(names.map((name) => (name === 'secret' ? 'secrets' : name)).toSorted()).toEqual(
        Object.keys(checked).toSorted(),
      )
      for (const [name, cell] of documented) {
        if (cell === 'required') continue
        const actual = (checked as Readonly<Record<string, unknown>>)[name.slice(section.length + 1)]
        const isNone = actual === undefined || actual === Infinity || actual === ''
        expect(cell === 'none' ? undefined : valueOf(cell), name).toEqual(isNone ? undefined : actual)
      }
    }
    const limits = [...table].filter(([name]) => name.startsWith('rateLimit.'))
    expect(Object.fromEntries(limits.map(([name, cell]) => [name.slice(10), valueOf(cell)]))).toEqual({
      requestsPerSecond: whole.rateLimit!.all?.requestsPerSecond,
      burst: whole.rateLimit!.all?.burst,
      perClient: whole.rateLimit!.perClient,
      perKey: whole.rateLimit!.perKey,
      floodThreshold: whole.rateLimit!.floodThreshold,
      floodBanMs: whole.rateLimit!.floodBanMs,
      maxClients: whole.rateLimit!.maxClients,
    })
  })

  it('documents those of scaling', () => {
    const { targets, times } = checkAutoscale({})
    expect([...tableOf('option of `autoscale`')].map(([name, cell]) => [name, valueOf(cell)])).toEqual([
      ['min', targets.min],
      ['max', targets.max],
      ['targetUtilisation', targets.utilisation],
      ['targetLatencyMs', targets.latencyMs],
      ['intervalMs', times.intervalMs],
      ['scaleOutCooldownMs', times.outMs],
      ['scaleInCooldownMs', times.inMs],
      ['scaleTimeoutMs', times.timeoutMs],
    ])
    const checked = checkLocalProcesses({ command: 'node' })
    const table = tableOf('option of `localProcesses`')
    expect([...table.keys()].toSorted()).toEqual(Object.keys(checked).toSorted())
    for (const name of [
      'args',
      'name',
      'startTimeoutMs',
      'stopTimeoutMs',
      'restartMs',
      'maxRestartMs',
    ] as const)
      expect(valueOf(table.get(name)!), name).toEqual(checked[name])
  })

  it('documents every algorithm, operation, error code and key of the configuration', () => {
    const algorithms = [...tableOf('name').keys()].map((name) => name.replace(' (default)', ''))
    expect(algorithms.toSorted()).toEqual([...algorithmNames].toSorted())
    const operations = [
      ...readme.matchAll(/^\| (?:life|backends|names|requests|seeing|steering) \| (.*) \|$/gm),
    ]
    const named = operations.flatMap(([, cell = '']) => [
      ...cell.matchAll(/`([a-z_]+_[a-z_]+|initialize|shutdown|explain)`/g),
    ])
    expect(named.map(([, name]) => String(name)).toSorted()).toEqual([...operationNames].toSorted())
    const codes = [...textOf('src/errors.ts').matchAll(/\| '(ERR_AETHER_[A-Z_]+)'/g)].map(([, code]) => code!)
    expect(codes.length).toBeGreaterThan(10)
    expect([...tableOf('code').keys()]).toEqual(codes)
    const keys = ['config-schema', 'config-sections', 'backend-schema'].flatMap((file) =>
      [...textOf(`src/control/${file}.ts`).matchAll(/^ {2,}([a-z_]+): \[$|^ {2,}([a-z_]+): \['/gm)].map(
        ([, key, same]) => (key ?? same)!,
      ),
    )
    expect(keys.length).toBeGreaterThan(60)
    for (const key of [...keys, ...textOf('test/fixtures/everything.yaml').match(/[a-z_]+(?=:)/g)!])
      if (!['load_balancing', 'x', 'api', 'x-probe'].includes(key) && key !== 'probe')
        expect(readme, key).toMatch(new RegExp(`\\b${key}\\b`))
  })

  it('shows presets that are options', () => {
    expect(() => [checkOptions(highAvailability()), checkOptions(quantumAware())]).not.toThrow(LbError)
  })
})
