import type { Finding } from '../finding.ts'
import { allDependencies, readWorkspace, runtimeDependencies, type WorkspacePackage } from '../workspace.ts'
import {
  arrowMessage,
  arrowRule,
  arrows,
  isAllowed,
  onlyForTests,
  servicesTool,
  withoutDependencies,
} from './arrows.ts'
import { checkImports } from './check-imports.ts'

/** Holds manifests and imports of every package against the table in `arrows.ts`. */
export function checkArchitecture(root: string): readonly Finding[] {
  const workspace = readWorkspace(root)
  const names = new Map(workspace.map((each) => [each.name, each]))
  return workspace.flatMap((each) => [...checkManifest(each, names), ...checkImports(each, names)])
}

function checkManifest(
  each: WorkspacePackage,
  workspace: ReadonlyMap<string, WorkspacePackage>,
): readonly Finding[] {
  const findings: Finding[] = []
  const object = (rule: string, message: string): void => {
    findings.push({ rule, file: `${each.path}/package.json`, message })
  }
  const runtime = runtimeDependencies(each.manifest)

  if (each.group !== 'tools' && arrows[each.name] === undefined) {
    object(
      'listed',
      `${each.name} has no line in tools/checks/src/architecture/arrows.ts: say there which packages it may need`,
    )
  }
  if (withoutDependencies.includes(each.name) && runtime.length > 0) {
    object('no-dependencies', `${each.name} must install nothing, yet it needs ${runtime.join(', ')}`)
  }
  for (const name of allDependencies(each.manifest)) {
    const target = workspace.get(name)
    if (target?.group === 'tools' && each.group !== 'tools' && name !== servicesTool)
      object('tools', `depends on ${name}: nothing but a tool uses a tool`)
    if (target?.group === 'apps' && each.group === 'packages')
      object('apps', `depends on ${name}: a package knows no app`)
  }
  for (const name of runtime.filter((dependency) => dependency.startsWith('@aether/'))) {
    if (name === servicesTool && each.group !== 'tools')
      object('tools', `needs ${name} when it runs: only its tests may start servers`)
    else if (onlyForTests.includes(name))
      object('testing', `needs ${name} when it runs: it may only be a devDependency`)
    else if (each.group !== 'tools' && !isAllowed(each.name, name))
      object(arrowRule(each.name, name), arrowMessage(each.name, name))
  }
  return findings
}
