import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { checkApi } from '../../src/api/check-api.ts'
import { fixtureWorkspace } from '../fixture-workspace.ts'

const declarations = 'packages/x/dist/index.d.ts'
const report = 'packages/x/api/x.api.md'

function workspace(): string {
  return fixtureWorkspace({
    'packages/x/package.json': {
      name: '@aether/x',
      type: 'module',
      exports: { '.': { types: './dist/index.d.ts', default: './dist/index.js' } },
    },
    [declarations]: 'export declare function connect(url: string): void\n',
  })
}

describe('checkApi', () => {
  it('asks for a report where there is none', () => {
    expect(checkApi(workspace(), { update: false })).toEqual([
      { rule: 'api', file: report, message: expect.stringContaining('the report is missing') as string },
    ])
  })

  it('accepts declarations that are as the report says', () => {
    const root = workspace()
    expect(checkApi(root, { update: true })).toEqual([])
    expect(readFileSync(join(root, report), 'utf8')).toContain('connect(url: string): void')
    expect(checkApi(root, { update: false })).toEqual([])
  })

  it('refuses a change of the public API', () => {
    const root = workspace()
    checkApi(root, { update: true })
    writeFileSync(join(root, declarations), 'export declare function connect(url: URL): void\n')
    expect(checkApi(root, { update: false })).toEqual([
      {
        rule: 'api',
        file: report,
        message: expect.stringContaining('is not what the report says') as string,
      },
    ])
  })

  it('asks for a build where declarations are missing', () => {
    const root = workspace()
    writeFileSync(
      join(root, 'packages/x/package.json'),
      JSON.stringify({ name: '@aether/x', exports: { './a/b': { types: './dist/a.d.ts' } } }),
    )
    expect(checkApi(root, { update: false })).toEqual([
      { rule: 'api', file: 'packages/x/api/x-a-b.api.md', message: 'dist/a.d.ts is missing: build first' },
    ])
  })
})
