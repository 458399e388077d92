import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { checkPackages } from '../../src/packages/check-packages.ts'
import { fixtureWorkspace, type Files } from '../fixture-workspace.ts'

const manifest = {
  name: '@aether/x',
  version: '1.0.0',
  description: 'X.',
  license: 'MIT',
  type: 'module',
  engines: { node: '>=20.19' },
  publishConfig: { access: 'public' },
  files: ['dist', 'src'],
  exports: {
    '.': { '@aether/source': './src/index.ts', types: './dist/index.d.ts', default: './dist/index.js' },
    './package.json': './package.json',
  },
}

const sound: Files = {
  'package.json': { name: 'workspace', private: true, packageManager: 'pnpm@12.21.0' },
  'pnpm-workspace.yaml': 'packages: [packages/*]\npmOnFail: ignore\n',
  LICENSE: 'MIT',
  'packages/x/package.json': manifest,
  'packages/x/README.md': '# x\n',
  'packages/x/src/index.ts': 'export const x = 1\n',
  'packages/x/dist/index.js': 'export const x = 1\n',
  'packages/x/dist/index.d.ts': 'export declare const x = 1\n',
}

const check = (files: Files = {}): ReturnType<typeof checkPackages> =>
  checkPackages(fixtureWorkspace({ ...sound, ...files }))

const finding = (rule: string, message: string): object => ({
  rule,
  file: 'packages/x/package.json',
  message: expect.stringContaining(message) as string,
})

describe('checkPackages', () => {
  it('accepts a package that users can install', async () => {
    expect(await check()).toEqual([])
  })

  it('leaves private packages alone', async () => {
    expect(
      await check({
        'packages/x/package.json': { ...manifest, private: true, exports: { '.': './none.js' } },
      }),
    ).toEqual([])
  })

  it('tells what publint says', async () => {
    const files = { 'packages/x/dist/index.js': 'module.exports = { x: 1 }\n' }
    expect(await check(files)).toContainEqual(finding('publint', 'pkg.exports["."].default'))
  })

  it('tells what attw says', async () => {
    const files = {
      'packages/x/dist/index.d.ts': `export * from './inside'\n`,
      'packages/x/dist/inside.d.ts': 'export declare const x = 1\n',
    }
    expect(await check(files)).toContainEqual(finding('attw', 'Internal resolution error'))
  })

  it('tells what a manifest lacks, also where nothing is published', async () => {
    const { license: _, ...rest } = manifest
    expect(await check({ 'packages/x/package.json': { ...rest, private: true } })).toEqual([
      finding('manifest', 'lacks "license": "MIT"'),
    ])
  })

  it('tells which files do not belong in the tarball', async () => {
    expect(await check({ 'packages/x/dist/.tsbuildinfo': '{}' })).toEqual([
      finding('tarball', 'its tarball holds dist/.tsbuildinfo'),
    ])
  })

  it('takes what is warned of for no part of the answer', async () => {
    const bin = mkdtempSync(join(tmpdir(), 'aether-noisy-'))
    onTestFinished(() => rmSync(bin, { recursive: true, force: true }))
    const noisy = [
      '#!/bin/sh',
      `echo 'warn: unsupported engine { node: 20 }' >&2`,
      'PATH="${PATH#*:}"',
      'if command -v pnpm > /dev/null; then exec pnpm "$@"; else exec npx --yes pnpm@12.21.0 "$@"; fi',
    ]
    writeFileSync(join(bin, 'pnpm'), `${noisy.join('\n')}\n`, { mode: 0o755 })
    vi.stubEnv('PATH', `${bin}:${process.env['PATH'] ?? ''}`)
    onTestFinished(() => void vi.unstubAllEnvs())
    expect(await check()).toEqual([])
  })

  it('objects to an entry point that cannot be imported where it is installed', async () => {
    const files = { 'packages/x/dist/index.js': `import 'left-pad'\nexport const x = 1\n` }
    expect(await check(files)).toEqual([
      {
        rule: 'first-screen',
        file: 'packages/*/package.json',
        message: expect.stringContaining(`Cannot find package 'left-pad'`) as string,
      },
    ])
  })

  describe('with what a README shows first', () => {
    const readme = (code: string): Files => ({
      'packages/x/README.md': `# x\n\n\`\`\`ts\n${code}\n\`\`\`\n\nIt prints \`one: 1\` and \`end\` (\`examples/x.ts\`).\n`,
    })
    const objection = (message: string): object => ({
      rule: 'first-screen',
      file: 'packages/x/README.md',
      message: expect.stringContaining(message) as string,
    })
    const works = `import { x } from '@aether/x'\nconst one: number = x\nconsole.log('one:', one)\nconsole.log('end')`

    it('accepts one that prints what it says', async () => {
      expect(await check(readme(works))).toEqual([])
    })

    it('objects to one that prints something else', async () => {
      expect(await check(readme(works.replace("'end'", "'over'")))).toEqual([
        objection('says that its example prints "end", and it prints something else'),
      ])
    })

    it('objects to one that does not compile against the declarations that are installed', async () => {
      const files = { 'packages/x/dist/index.d.ts': 'export declare const x: string\n' }
      expect(await check({ ...readme(works), ...files })).toEqual([
        objection(`does not compile where it is installed: x/first-screen.ts(2,7): error TS2322`),
      ])
    })

    it('objects to one that lacks a file of the package', async () => {
      const files = {
        'packages/x/package.json': { ...manifest, files: ['dist/index.*', 'src'] },
        'packages/x/dist/index.js': `export { x } from './inside.js'\n`,
        'packages/x/dist/inside.js': 'export const x = 1\n',
      }
      expect(await check({ ...readme(works), ...files })).toContainEqual(
        objection('ends with code 1 where it is installed'),
      )
    })
  })
})
