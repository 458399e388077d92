import { expect, it } from 'vitest'
import { plot } from '../src/plot.ts'
import { overload } from '../src/scenarios/overload.ts'
import { tailScenarios } from '../src/tails.ts'

const lines = new Map([
  ['first', [[0.3, 5] as const, [1, 20] as const, [3, 70] as const]],
  ['second', [[0.3, 6] as const, [1, 0] as const, [3, 900] as const]],
])

it.each([tailScenarios[0]!, overload])(
  '$name is drawn with a line for each variant, the same each time',
  (scenario) => {
    const svg = plot(scenario, lines)
    expect(plot(scenario, lines)).toBe(svg)
    expect(svg).toMatch(/^<svg [^>]*xmlns="http:\/\/www\.w3\.org\/2000\/svg"/)
    for (const text of ['first', 'second', scenario.x.name]) expect(svg).toContain(`>${text}</text>`)
    expect(svg).not.toMatch(/NaN|undefined|Infinity/)
    expect(svg).not.toBe(plot(scenario, new Map([['first', lines.get('first')!]])))
  },
)

it('names percentiles by their nines', () => {
  const svg = plot(tailScenarios[0]!, lines)
  for (const name of ['p90', 'p99', 'p99.9', 'p99.99']) expect(svg).toContain(`>${name}</text>`)
})
