import type { Manifest } from '../workspace.ts'

const engine = '>=20.19'

/** What is wrong with a manifest, one sentence each: ES modules only, the same Node and licence everywhere, and what publishing needs. */
export function checkManifest(manifest: Manifest): readonly string[] {
  const problems: string[] = []
  if (manifest.type !== 'module') problems.push('lacks "type": "module"')
  if (manifest.engines?.['node'] !== engine) problems.push(`lacks "engines": { "node": "${engine}" }`)
  if (manifest.license !== 'MIT') problems.push('lacks "license": "MIT"')
  if (manifest.description === undefined) problems.push('lacks a description')
  if (manifest.private === true) return problems

  if (manifest.publishConfig?.['access'] !== 'public')
    problems.push('lacks "publishConfig": { "access": "public" }')
  for (const [subpath, target] of Object.entries(manifest.exports ?? {})) {
    if (typeof target === 'string') continue
    if (Object.keys(target).join() !== '@aether/source,types,default') {
      problems.push(
        `exports "${subpath}" with other conditions than "@aether/source", "types" and "default", in this order`,
      )
    }
  }
  if (manifest.exports?.['./package.json'] === undefined) problems.push('does not export "./package.json"')
  return problems
}
