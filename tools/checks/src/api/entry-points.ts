import type { Manifest } from '../workspace.ts'

export interface EntryPoint {
  /** `wire` for `@aether/wire`, `wire-tcp` for `@aether/wire/tcp`. */
  readonly reportName: string
  /** The declarations file, relative to the package. */
  readonly declarations: string
}

/** Every entry point that has types, as the manifest exports them. */
export function entryPoints(manifest: Manifest): readonly EntryPoint[] {
  const base = manifest.name.replace(/^@[^/]*\//, '')
  return Object.entries(manifest.exports ?? {}).flatMap(([subpath, target]) => {
    if (typeof target === 'string' || target['types'] === undefined) return []
    const reportName = [base, ...subpath.split('/').slice(1)].join('-')
    return [{ reportName, declarations: target['types'].replace(/^\.\//, '') }]
  })
}
