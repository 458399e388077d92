import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { parseSync, Visitor } from 'oxc-parser'

export interface Import {
  readonly file: string
  readonly line: number
  readonly specifier: string
}

/** Every import of the TypeScript and JavaScript files below `folder`: static, re-exported, dynamic with a literal, and in types. */
export function importsBelow(folder: string): readonly Import[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.[cm]?[jt]sx?$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
    .flatMap((file) => importsOf(file, readFileSync(file, 'utf8')))
}

export function importsOf(file: string, text: string): readonly Import[] {
  const { program, errors } = parseSync(file, text)
  if (errors[0] !== undefined) throw new Error(`${file} does not parse: ${errors[0].message}`)
  const found: Import[] = []
  const add = (source: { readonly type: string; readonly start: number } | null): void => {
    if (source === null || !isStringLiteral(source)) return
    found.push({ file, line: text.slice(0, source.start).split('\n').length, specifier: source.value })
  }
  new Visitor({
    ImportDeclaration: (node) => add(node.source),
    ExportNamedDeclaration: (node) => add(node.source),
    ExportAllDeclaration: (node) => add(node.source),
    ImportExpression: (node) => add(node.source),
    TSImportType: (node) => add(node.source),
    TSExternalModuleReference: (node) => add(node.expression),
  }).visit(program)
  return found
}

function isStringLiteral(node: {
  readonly type: string
}): node is { readonly type: 'Literal'; readonly value: string } {
  return node.type === 'Literal' && typeof (node as { value?: unknown }).value === 'string'
}
