import { expect, it } from 'vitest'
import { replaceSection, table } from '../src/table.ts'

const run = (p99: number, share: number) => ({ figures: { 'p99 ms': p99, 'share %': share }, line: [] })

it('shows means with their intervals', () => {
  const results = new Map([
    ['p2c', [run(100, 0.5), run(110, 0.5)]],
    ['random', [run(1, 0.001)]],
  ])
  expect(table(results)).toBe(
    [
      '|  | p99 ms | share % |',
      '| --- | ---: | ---: |',
      '| p2c | 105 ± 64 | 0.500 |',
      '| random | 1.0 | 0.001 |',
    ].join('\n'),
  )
})

it('goes into its place of a page and leaves the rest alone', () => {
  const page = 'before\n<!-- a -->\nold\n<!-- /a -->\nafter\n'
  expect(replaceSection(page, 'a', 'new')).toBe('before\n<!-- a -->\n\nnew\n\n<!-- /a -->\nafter\n')
  expect(() => replaceSection(page, 'b', 'new')).toThrow('<!-- b -->')
})
