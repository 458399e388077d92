import { isBuiltin } from 'node:module'
import { dirname, join, relative, sep } from 'node:path'
import type { Finding } from '../finding.ts'
import { allDependencies, runtimeDependencies, type WorkspacePackage } from '../workspace.ts'
import { arrowMessage, arrowRule, isAllowed, onlyForTests, pure, servicesTool } from './arrows.ts'
import { importsBelow, type Import } from './imports.ts'

interface Scope {
  readonly each: WorkspacePackage
  readonly workspace: ReadonlyMap<string, WorkspacePackage>
  /** Whether the file is a part of what is published, or only of its tests, examples and benches. */
  readonly isSource: boolean
  readonly declared: ReadonlySet<string>
}

type Problem = Omit<Finding, 'file'> | undefined

/** Holds the imports of one package against what it declares and against the arrows. */
export function checkImports(
  each: WorkspacePackage,
  workspace: ReadonlyMap<string, WorkspacePackage>,
): readonly Finding[] {
  const source: Scope = {
    each,
    workspace,
    isSource: true,
    declared: new Set(runtimeDependencies(each.manifest)),
  }
  const rest: Scope = { each, workspace, isSource: false, declared: new Set(allDependencies(each.manifest)) }
  return [
    ...judge(source, importsBelow(join(each.folder, 'src'))),
    ...['test', 'examples', 'bench'].flatMap((name) => judge(rest, importsBelow(join(each.folder, name)))),
  ]
}

function judge(scope: Scope, imports: readonly Import[]): readonly Finding[] {
  return imports.flatMap((found) => {
    const problem = found.specifier.startsWith('.')
      ? judgeRelative(scope, found)
      : judgePackage(scope, found.specifier)
    if (problem === undefined) return []
    const inside = relative(scope.each.folder, found.file).split(sep).join('/')
    return [{ ...problem, file: `${scope.each.path}/${inside}:${found.line}` }]
  })
}

function judgeRelative({ each, isSource }: Scope, found: Import): Problem {
  const target = relative(each.folder, join(dirname(found.file), found.specifier))
    .split(sep)
    .join('/')
  if (target === '..' || target.startsWith('../')) {
    return {
      rule: 'relative',
      message: `imports "${found.specifier}", outside ${each.path}: import the package by its name`,
    }
  }
  if (isSource && !target.startsWith('src/') && target !== 'package.json') {
    return {
      rule: 'relative',
      message: `imports "${found.specifier}", outside src: it is not there once the package is built`,
    }
  }
  return undefined
}

function judgePackage({ each, workspace, isSource, declared }: Scope, specifier: string): Problem {
  if (isBuiltin(specifier)) {
    if (!isSource || !pure.includes(each.name)) return undefined
    return {
      rule: 'pure',
      message: `imports "${specifier}": ${each.name} is pure, what it needs is handed to it`,
    }
  }
  const name = packageName(specifier)
  const target = workspace.get(name)
  if (target?.group === 'tools' && each.group !== 'tools') {
    if (name !== servicesTool)
      return { rule: 'tools', message: `imports "${specifier}": nothing but a tool uses a tool` }
    if (isSource) return { rule: 'tools', message: `imports "${specifier}": only tests may start servers` }
  }
  if (isSource && onlyForTests.includes(name) && name !== each.name) {
    return { rule: 'testing', message: `imports "${specifier}": only tests may` }
  }
  if (
    isSource &&
    name.startsWith('@aether/') &&
    name !== each.name &&
    each.group !== 'tools' &&
    !isAllowed(each.name, name)
  ) {
    return {
      rule: arrowRule(each.name, name),
      message: `imports "${specifier}": ${arrowMessage(each.name, name)}`,
    }
  }
  if (name !== each.name && !declared.has(name)) {
    const where = isSource ? 'dependencies or peerDependencies' : 'devDependencies'
    return {
      rule: 'declared',
      message: `imports "${specifier}", and ${name} is not in the ${where} of ${each.path}/package.json`,
    }
  }
  if (target !== undefined && target.group === 'packages' && !isExported(target, specifier)) {
    return { rule: 'exports', message: `imports "${specifier}", which ${name} does not export` }
  }
  return undefined
}

function packageName(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
}

function isExported(target: WorkspacePackage, specifier: string): boolean {
  const subpath = `.${specifier.slice(target.name.length)}`
  return Object.keys(target.manifest.exports ?? {}).includes(subpath)
}
