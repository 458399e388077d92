import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Finding } from '../finding.ts'
import type { WorkspacePackage } from '../workspace.ts'
import { codeBlocks, sections, type CodeBlock } from './markdown.ts'

/** What the README of a package or app must have: an install line, an example that runs, options and error codes. */
export function checkReadme(each: WorkspacePackage): readonly Finding[] {
  const file = `${each.path}/README.md`
  const path = join(each.folder, 'README.md')
  if (!existsSync(path)) return [{ rule: 'readme', file, message: 'is missing' }]
  const readme = readFileSync(path, 'utf8')
  const problems = [...missingParts(each, readme), ...strayExamples(readme, join(each.folder, 'examples'))]
  return problems.map((message) => ({ rule: 'readme', file, message }))
}

/** The first screen of the workspace shows examples that are files here, so that they run as they stand. */
export function checkRootReadme(root: string): readonly Finding[] {
  const path = join(root, 'README.md')
  if (!existsSync(path)) return [{ rule: 'readme', file: 'README.md', message: 'is missing' }]
  const problems = strayExamples(readFileSync(path, 'utf8'), join(root, 'tools', 'checks', 'examples'))
  return problems.map((message) => ({ rule: 'readme', file: 'README.md', message }))
}

function missingParts(each: WorkspacePackage, readme: string): readonly string[] {
  const titles = sections(readme).map((section) => section.title.toLowerCase())
  const has = (word: string): boolean => titles.some((title) => title.includes(word))
  if (each.group === 'apps') return has('configuration') ? [] : ['has no section about its configuration']
  const example = codeBlocks(readme).some(isTypeScript)
  return [
    ...(hasInstallLine(each.name, readme)
      ? []
      : [`has no line that starts with \`npm install\` and names ${each.name}`]),
    ...(example ? [] : ['shows no example as a ```ts block']),
    ...(has('option') || /\bdefault\b/i.test(readme)
      ? []
      : ['says nothing about options and their defaults']),
    ...(has('error') ? [] : ['has no section about its error codes']),
  ]
}

function hasInstallLine(name: string, readme: string): boolean {
  return readme.split('\n').some((line) => line.startsWith('npm install ') && line.split(' ').includes(name))
}

/** An example is a part of a file below `examples`, which a test runs; blocks that only show a shape are marked `ts no-run`. */
function strayExamples(readme: string, folder: string): readonly string[] {
  const examples = existsSync(folder)
    ? readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => /\.[cm]?ts$/.test(name))
    : []
  const texts = examples.map((name) => normalise(readFileSync(join(folder, name), 'utf8')))
  const stray = codeBlocks(readme).filter(
    (block) => isTypeScript(block) && !texts.some((text) => text.includes(normalise(block.text))),
  )
  return stray.map(
    ({ text }) =>
      `shows an example that is no part of a file in examples/: "${text.trim().split('\n')[0] ?? ''} …"`,
  )
}

function isTypeScript(block: CodeBlock): boolean {
  return block.language === 'ts'
}

function normalise(text: string): string {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .join('\n')
}
