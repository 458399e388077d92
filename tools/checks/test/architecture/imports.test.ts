import { describe, expect, it } from 'vitest'
import { importsOf } from '../../src/architecture/imports.ts'

describe('importsOf', () => {
  it('finds every way to name a module, with its line', () => {
    const text = [
      `import a from 'a'`,
      `import type { B } from 'b'`,
      `import 'c'`,
      `export * from 'd'`,
      `export { e } from 'e'`,
      `export type { F } from 'f'`,
      `const g = await import('g')`,
      `type H = import('h').H`,
      `import i = require('i')`,
      `const none = "import 'none'" // import 'none'`,
      `export const alone = 1`,
    ].join('\n')
    expect(
      importsOf('file.ts', text)
        .map(({ line, specifier }) => `${line} ${specifier}`)
        .sort(),
    ).toEqual(['1 a', '2 b', '3 c', '4 d', '5 e', '6 f', '7 g', '8 h', '9 i'])
  })
})
