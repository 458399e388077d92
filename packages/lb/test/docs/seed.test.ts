import { existsSync, readFileSync } from 'node:fs'
import { expect, it } from 'vitest'

const folder = new URL('../../', import.meta.url)
const page = readFileSync(new URL('docs/seed.md', folder), 'utf8')
const rows = page
  .split('\n')
  .filter((line) => line.startsWith('| ') && !line.startsWith('| the document') && !line.startsWith('| ---'))

it('every row names a test that is there', () => {
  expect(rows.length).toBeGreaterThan(40)
  for (const row of rows) {
    const tests = [...row.matchAll(/`(test\/[^`]+)`/g)].map((match) => match[1] as string)
    if (!row.includes('every test')) expect(tests, row).not.toEqual([])
    for (const test of tests) expect(existsSync(new URL(test, folder)), `${row}: ${test}`).toBe(true)
  }
})
