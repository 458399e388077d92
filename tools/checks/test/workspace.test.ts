import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { allDependencies, publishable, readWorkspace } from '../src/workspace.ts'

describe('the manifest of the checks', () => {
  it('names every published package: so turbo builds it before the checks that read builds, and repeats those when it changes', () => {
    const workspace = readWorkspace(join(import.meta.dirname, '..', '..', '..'))
    const checks = workspace.find((each) => each.name === '@aether/checks')
    const named = checks === undefined ? [] : allDependencies(checks.manifest)
    expect(named).toEqual(expect.arrayContaining(publishable(workspace).map((each) => each.name)))
  })
})
