import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'

const folder = new URL('../../', import.meta.url)
const page = readFileSync(new URL('docs/seed.md', folder), 'utf8')
const rows = page
  .split('\n')
  .filter((line) => line.startsWith('| ') && !line.startsWith('| the document') && !line.startsWith('| ---'))
const cases = rows.flatMap((row) =>
  [...row.matchAll(/`(test\/[^`]+)`: “([^”]+)”/g)].map(([, file = '', title = '']) => [title, file] as const),
)

describe('the page of rows', () => {
  it('is whole, and every row names a test case', () => {
    expect(rows.length).toBeGreaterThan(50)
    for (const row of rows) expect(row).toMatch(/`test\/[^`]+`: “[^”]+” \|$|”, `test/)
  })

  it.each(cases)('names what is there: %s in %s', (title, file) => {
    const path = new URL(file, folder)
    expect(existsSync(path)).toBe(true)
    const source = readFileSync(path, 'utf8')
    // As the title of a test: behind its opening bracket, or behind that of the table of its cases.
    const isTitle = ["'", '"', '`'].some((quote) =>
      [
        `(${quote}${title}${quote},`,
        `(\n  ${quote}${title}${quote},`,
        `(\n    ${quote}${title}${quote},`,
      ].some((start) => source.includes(start)),
    )
    expect(isTitle).toBe(true)
  })
})
