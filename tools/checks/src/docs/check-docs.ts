import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { errorCodes } from '@aether/core'
import type { Finding } from '../finding.ts'
import { readWorkspace } from '../workspace.ts'
import { checkErrorPage } from './error-page.ts'
import { checkReadme, checkRootReadme } from './readme.ts'

/** Holds the documents against the code: the error page, the README of each package, and the examples they show. */
export function checkDocs(root: string): readonly Finding[] {
  const page = 'docs/errors.md'
  const errors = existsSync(join(root, page))
    ? checkErrorPage(readFileSync(join(root, page), 'utf8'), errorCodes)
    : ['is missing']
  return [
    ...errors.map((message) => ({ rule: 'errors', file: page, message })),
    ...checkRootReadme(root),
    ...readWorkspace(root)
      .filter((each) => each.group !== 'tools')
      .flatMap(checkReadme),
  ]
}
