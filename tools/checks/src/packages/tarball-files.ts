import { posix } from 'node:path'
import { links } from '../docs/markdown.ts'
import type { Manifest } from '../workspace.ts'

/** What is wrong with the files of a tarball, one sentence each: what users need is in it, and nothing but that. */
export function checkTarballFiles(
  manifest: Manifest,
  files: readonly string[],
  readme: string,
): readonly string[] {
  const needed = ['LICENSE', 'README.md', 'package.json', ...entryFiles(manifest)]
  const missing = needed.filter((file) => !files.includes(file))
  const led = [...new Set(links(readme).flatMap(fileInside))].filter((path) => !isThere(path, files))
  const strange = files.filter((file) => !isExpected(file))
  return [
    ...missing.map((file) => `its tarball lacks ${file}`),
    ...led.map((path) => `its tarball lacks ${path}, to which its README leads`),
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

/** The place within the package that a link leads to; none where it leads to another page or another package. */
function fileInside(link: string): readonly string[] {
  const [path = ''] = link.split(/[?#]/)
  if (path === '' || /^[a-z][a-z+.-]*:/i.test(path)) return []
  const inside = posix.normalize(path).replace(/\/$/, '')
  return inside.startsWith('../') ? [] : [inside]
}

function isThere(path: string, files: readonly string[]): boolean {
  return files.some((file) => file === path || file.startsWith(`${path}/`))
}

function isExpected(file: string): boolean {
  if (['LICENSE', 'README.md', 'CHANGELOG.md', 'PROTOCOL.md', 'package.json'].includes(file)) return true
  return (
    /^(dist|src)\/.*\.(js|ts|map)$/.test(file) || /^docs\/.*\.md$/.test(file) || file.startsWith('examples/')
  )
}
