import { describe, expect, it } from 'vitest'
import { checkReadme, checkRootReadme } from '../../src/docs/readme.ts'
import { readWorkspace } from '../../src/workspace.ts'
import { fixtureWorkspace, manifest, type Files } from '../fixture-workspace.ts'

const example = `const run = perform(resize)\nawait run`
const readme = `# x\n\n\`\`\`sh\nnpm install @aether/core @aether/x\n\`\`\`\n\n\`\`\`ts\n${example}\n\`\`\`\n\n## Options\n\n## Errors\n`

function problems(files: Files): readonly string[] {
  const root = fixtureWorkspace({ 'packages/x/package.json': manifest('@aether/x'), ...files })
  return readWorkspace(root)
    .flatMap(checkReadme)
    .map((finding) => finding.message)
}

describe('checkReadme', () => {
  it('accepts a README whose example is a part of a file', () => {
    const files = {
      'packages/x/README.md': readme,
      'packages/x/examples/basic.ts': `import 'y'\n\n  ${example}\n`,
    }
    expect(problems(files)).toEqual([])
  })

  it('objects to a missing README', () => {
    expect(problems({})).toEqual(['is missing'])
  })

  it('names the parts that are missing', () => {
    expect(problems({ 'packages/x/README.md': '# x\n' })).toEqual([
      'has no line that starts with `npm install` and names @aether/x',
      'shows no example as a ```ts block',
      'says nothing about options and their defaults',
      'has no section about its error codes',
    ])
  })

  it('objects to an example that no file holds', () => {
    const files = {
      'packages/x/README.md': readme,
      'packages/x/examples/basic.ts': `const run = perform(other)`,
    }
    expect(problems(files)).toEqual([
      'shows an example that is no part of a file in examples/: "const run = perform(resize) …"',
    ])
  })

  it('asks an app for its configuration', () => {
    const root = fixtureWorkspace({
      'apps/x/package.json': manifest('@aether/x'),
      'apps/x/README.md': '# x\n',
    })
    const [app] = readWorkspace(root)
    expect(app && checkReadme(app)).toEqual([
      { rule: 'readme', file: 'apps/x/README.md', message: 'has no section about its configuration' },
    ])
  })
})

describe('checkRootReadme', () => {
  it('takes its examples from the checks', () => {
    const root = fixtureWorkspace({ 'README.md': readme, 'tools/checks/examples/first.ts': example })
    expect(checkRootReadme(root)).toEqual([])
    expect(checkRootReadme(fixtureWorkspace({ 'README.md': readme }))).toHaveLength(1)
  })
})
