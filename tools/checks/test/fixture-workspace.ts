import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { onTestFinished } from 'vitest'

/** Files of a workspace, by path; an object is written as JSON. */
export type Files = Readonly<Record<string, string | object>>

/** Writes a workspace into a temporary folder, which goes when the test ends, and returns its path. */
export function fixtureWorkspace(files: Files): string {
  const root = mkdtempSync(join(tmpdir(), 'aether-checks-'))
  onTestFinished(() => rmSync(root, { recursive: true, force: true }))
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), typeof content === 'string' ? content : JSON.stringify(content))
  }
  return root
}

/** A package manifest with one entry point. */
export function manifest(name: string, fields: object = {}): object {
  return { name, exports: { '.': './dist/index.js', './package.json': './package.json' }, ...fields }
}
