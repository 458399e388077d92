import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

import { describe, expect, it } from 'vitest'

const root = join(import.meta.dirname, '..', '..', '..')
const lines = readFileSync(join(root, 'apps/worker/Dockerfile'), 'utf8').replaceAll('\\\n', ' ').split('\n')

function copied(): string[] {
  const copies = lines.filter((line) => line.startsWith('COPY ') && !line.includes('--from='))
  return copies.flatMap((line) => line.split(/\s+/).slice(1, -1)).filter((word) => !word.startsWith('--'))
}

describe('Dockerfile', () => {
  it('copies only what exists', () => {
    const sources = copied()
    expect(sources).toContain('apps/worker')
    expect(sources.filter((source) => !existsSync(join(root, source)))).toEqual([])
  })

  it('copies every package that the worker depends on, whatever it depends on in turn', () => {
    const needed = new Set(['apps/worker'])
    for (const folder of needed) {
      const manifest = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8')) as {
        dependencies?: Record<string, string>
      }
      for (const [name, range] of Object.entries(manifest.dependencies ?? {})) {
        if (range.startsWith('workspace:')) needed.add(name.replace('@aether/', 'packages/'))
      }
    }
    const sources = copied()
    for (const folder of needed) {
      expect(
        sources.some((source) => folder === source || folder.startsWith(`${source}/`)),
        folder,
      ).toBe(true)
    }
  })

  it('pins the pnpm of the workspace, and runs the built main as an unprivileged user, with no shell between', () => {
    const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
      packageManager: string
    }
    expect(lines.join('\n')).toContain(`npm install --global ${manifest.packageManager}`)
    expect(lines).toContain('USER node')
    expect(lines).toContain('CMD ["node", "dist/main.js"]')
    const { bin } = JSON.parse(readFileSync(join(root, 'apps/worker/package.json'), 'utf8')) as {
      bin: object
    }
    expect(Object.values(bin)).toContain('./dist/main.js')
    expect(existsSync(join(root, 'apps/worker/src/main.ts'))).toBe(true)
  })
})
