import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

export type Group = 'packages' | 'apps' | 'tools'

export interface Manifest {
  readonly name: string
  readonly private?: boolean
  readonly description?: string
  readonly license?: string
  readonly type?: string
  readonly engines?: Readonly<Record<string, string>>
  readonly publishConfig?: Readonly<Record<string, unknown>>
  readonly bin?: Readonly<Record<string, string>>
  readonly exports?: Readonly<Record<string, string | Readonly<Record<string, string>>>>
  readonly scripts?: Readonly<Record<string, string>>
  readonly dependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
}

export interface WorkspacePackage {
  readonly name: string
  readonly group: Group
  /** Relative to the workspace, with `/`: `packages/core`. */
  readonly path: string
  readonly folder: string
  readonly manifest: Manifest
}

/** Every package of the workspace at `root`, sorted by path. */
export function readWorkspace(root: string): readonly WorkspacePackage[] {
  const groups: readonly Group[] = ['apps', 'packages', 'tools']
  return groups.flatMap((group) => {
    if (!existsSync(join(root, group))) return []
    const names = readdirSync(join(root, group)).sort()
    return names.flatMap((name) => readPackage(root, group, name))
  })
}

function readPackage(root: string, group: Group, name: string): readonly WorkspacePackage[] {
  const folder = join(root, group, name)
  const path = join(folder, 'package.json')
  if (!existsSync(path)) return []
  const manifest = JSON.parse(readFileSync(path, 'utf8')) as Manifest
  return [{ name: manifest.name, group, path: `${group}/${name}`, folder, manifest }]
}

/** Packages that users install. */
export function publishable(workspace: readonly WorkspacePackage[]): readonly WorkspacePackage[] {
  return workspace.filter((each) => each.manifest.private !== true)
}

/** What a package needs when it runs. */
export function runtimeDependencies(manifest: Manifest): readonly string[] {
  return Object.keys({
    ...manifest.dependencies,
    ...manifest.optionalDependencies,
    ...manifest.peerDependencies,
  })
}

/** All that a package may import somewhere, tests included. */
export function allDependencies(manifest: Manifest): readonly string[] {
  return [...runtimeDependencies(manifest), ...Object.keys(manifest.devDependencies ?? {})]
}
