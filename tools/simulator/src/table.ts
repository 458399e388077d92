import type { Measured, Scenario } from './scenario.ts'
import { confidence, spreadOf } from './statistics.ts'

/** Of each variant what it gave in each run. */
export type Results = ReadonlyMap<string, readonly Measured[]>

/** A Markdown table: variants down, figures across, each as its mean over the runs with its 95 % confidence interval. */
export function table(results: Results): string {
  const columns = Object.keys([...results.values()][0]?.[0]?.figures ?? {})
  const rows = [...results].map(([variant, runs]) => [
    variant,
    ...columns.map((column) => cell(runs.map(({ figures }) => figures[column] ?? Number.NaN))),
  ])
  return [['', ...columns], ['---', ...columns.map(() => '---:')], ...rows]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n')
}

function cell(values: readonly number[]): string {
  const spread = spreadOf(values)
  const interval = confidence(spread)
  const digits = Math.abs(spread.mean) >= 100 ? 0 : Math.abs(spread.mean) >= 1 ? 1 : 3
  const text = spread.mean.toFixed(digits)
  return interval === 0 ? text : `${text} ± ${interval.toFixed(digits)}`
}

/** What a page says of a scenario. */
export function section(scenario: Scenario, results: Results): string {
  return [scenario.claim, '', table(results), '', `![${scenario.title}](plots/${scenario.name}.svg)`].join(
    '\n',
  )
}

/** The page with the part between `<!-- name -->` and `<!-- /name -->` written anew; throws where it has no such part. */
export function replaceSection(page: string, name: string, text: string): string {
  const [begin, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`]
  const [from, to] = [page.indexOf(begin), page.indexOf(end)]
  if (from < 0 || to < from) throw new Error(`the page has no part between ${begin} and ${end}`)
  return `${page.slice(0, from + begin.length)}\n\n${text}\n\n${page.slice(to)}`
}
