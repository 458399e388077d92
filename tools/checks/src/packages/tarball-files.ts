import type { Manifest } from '../workspace.ts'

/** What is wrong with the files of a tarball, one sentence each: what users need is in it, and nothing but that. */
export function checkTarballFiles(manifest: Manifest, files: readonly string[]): readonly string[] {
  const needed = ['LICENSE', 'README.md', 'package.json', ...entryFiles(manifest)]
  const missing = needed.filter((file) => !files.includes(file))
  const strange = files.filter((file) => !isExpected(file))
  return [
    ...missing.map((file) => `its tarball lacks ${file}`),
    ...strange.map((file) => `its tarball holds ${file}, which no user needs`),
  ]
}

function entryFiles(manifest: Manifest): readonly string[] {
  const exported = Object.values(manifest.exports ?? {}).flatMap((entry) =>
    typeof entry === 'string' ? [entry] : Object.values(entry),
  )
  return [...new Set([...exported, ...Object.values(manifest.bin ?? {})])].map((path) =>
    path.replace(/^\.\//, ''),
  )
}

function isExpected(file: string): boolean {
  if (['LICENSE', 'README.md', 'CHANGELOG.md', 'PROTOCOL.md', 'package.json'].includes(file)) return true
  return /^(dist|src)\/.*\.(js|ts|map)$/.test(file)
}
