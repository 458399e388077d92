import { cpus, totalmem } from 'node:os'
import type { Measure } from './contest.ts'
import type { Scenario } from './scenarios.ts'
import { type Summary, summarize } from './statistics.ts'

/** What `--json` writes. Ratios above 1 mean that ours is better, whichever way the unit counts. */
export interface Report {
  readonly scenario: string
  readonly unit: string
  readonly ours: Summary
  readonly peers: Readonly<Record<string, Summary>>
  readonly ratio: Readonly<Record<string, number>>
  readonly bars: Readonly<Record<string, { readonly ratio: number; readonly met: boolean }>>
  /** CPU-µs per message, request or task over all processes and the server, median. */
  readonly cpuUs: Readonly<Record<string, number>>
  readonly p99?: {
    readonly ours: Summary
    readonly peers: Readonly<Record<string, Summary>>
    readonly ratio: Readonly<Record<string, number>>
  }
  /** Peers that could not be measured, and why. */
  readonly missing: Readonly<Record<string, string>>
  readonly versions: Readonly<Record<string, string>>
  readonly machine: Readonly<Record<string, string | number>>
}

export function reportOf(
  scenario: Scenario,
  measures: ReadonlyMap<string, readonly Measure[]>,
  versions: Readonly<Record<string, string>>,
  missing: Readonly<Record<string, string>>,
): Report {
  const main = compare(scenario, measures, (measure) => measure.value)
  const bars = Object.entries(scenario.bars).map(
    ([peer, ratio]) => [peer, { ratio, met: (main.ratio[peer] ?? 0) >= ratio }] as const,
  )
  const cpuUs = [...measures].map(
    ([name, rounds]) => [name, round(summarize(rounds.map((measure) => measure.cpuUs)).median)] as const,
  )
  const hasP99 = measures.get('ours')?.every((measure) => measure.p99 !== undefined) === true
  return {
    scenario: scenario.name,
    unit: scenario.unit,
    ...main,
    ...(hasP99
      ? { p99: compare({ better: scenario.better }, measures, (measure) => measure.p99 as number) }
      : {}),
    bars: Object.fromEntries(bars),
    cpuUs: Object.fromEntries(cpuUs),
    missing,
    versions: { node: process.version, ...versions },
    machine: {
      cpu: cpus()[0]?.model ?? 'unknown',
      cores: cpus().length,
      memoryGiB: Math.round(totalmem() / 2 ** 30),
    },
  }
}

type Comparable = Pick<Scenario, 'better' | 'limits'> & { readonly seed?: number | undefined }

function compare(
  scenario: Comparable,
  measures: ReadonlyMap<string, readonly Measure[]>,
  pick: (measure: Measure) => number,
): Pick<Report, 'ours' | 'peers' | 'ratio'> {
  const summaries = new Map(
    [...measures].map(([name, rounds]) => [name, rounded(summarize(rounds.map(pick)))]),
  )
  const ours = summaries.get('ours') as Summary
  summaries.delete('ours')
  const peers: Record<string, Summary> = Object.fromEntries(summaries)
  for (const [name, value] of Object.entries(scenario.limits ?? {})) peers[name] = fixed(value)
  if (scenario.seed !== undefined) peers['seed'] = fixed(scenario.seed)
  const ratioTo = (peer: Summary): number =>
    round(scenario.better === 'more' ? ours.median / peer.median : peer.median / ours.median)
  return {
    ours,
    peers,
    ratio: Object.fromEntries(Object.entries(peers).map(([name, peer]) => [name, ratioTo(peer)])),
  }
}

const fixed = (value: number): Summary => ({ median: value, min: value, max: value })

function rounded({ median, min, max }: Summary): Summary {
  return { median: round(median), min: round(min), max: round(max) }
}

function round(value: number): number {
  return Number(value.toPrecision(4))
}

/** The report for people: a line a contender. */
export function render(report: Report): string {
  const line = (name: string, summary: Summary, ratio: number | undefined): string => {
    const cpu = report.cpuUs[name] === undefined ? '' : `  ${report.cpuUs[name]} CPU-µs each`
    const bar = report.bars[name]
    const verdict = bar === undefined ? '' : `  (bar ${bar.ratio}: ${bar.met ? 'met' : 'NOT met'})`
    const times = ratio === undefined ? '' : `  ours is ${ratio} ×${verdict}`
    return `  ${name.padEnd(10)} ${summary.median.toLocaleString('en').padStart(12)} ${report.unit} [${summary.min.toLocaleString('en')} – ${summary.max.toLocaleString('en')}]${cpu}${times}`
  }
  const lines = [report.scenario, line('ours', report.ours, undefined)]
  for (const [name, summary] of Object.entries(report.peers))
    lines.push(line(name, summary, report.ratio[name]))
  if (report.p99 !== undefined) {
    lines.push('  p99', `  ours       ${report.p99.ours.median}`)
    for (const [name, summary] of Object.entries(report.p99.peers))
      lines.push(`  ${name.padEnd(10)} ${summary.median}  ours is ${report.p99.ratio[name]} ×`)
  }
  for (const [name, why] of Object.entries(report.missing)) lines.push(`  ${name.padEnd(10)} MISSING: ${why}`)
  return lines.join('\n')
}
