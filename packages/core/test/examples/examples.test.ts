import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'

import { describe, expect, it } from 'vitest'

import { callbacks } from '../../examples/callbacks.ts'
import { quickStart } from '../../examples/quick-start.ts'
import type { Transport } from '../../src/transport.ts'
import { HandClock } from '../support/hand-clock.ts'
import { LoopbackHub } from '../support/loopback.ts'

const examples: readonly (readonly [
  name: string,
  example: (transport: Transport, print: (line: string) => void) => Promise<void>,
  output: readonly string[],
])[] = [
  ['quick-start', quickStart, ['50 %', 'cat-320.webp']],
  ['callbacks', callbacks, ['progress: 50%', 'result: true {"processed":{"file":"/path/to/data.csv"}}']],
]

describe('examples', () => {
  it.each(examples)(
    '%s prints what the README says, and stands there as it is',
    async (name, example, output) => {
      const lines: string[] = []
      await example(new LoopbackHub(new HandClock()).transport(), (line) => lines.push(line))
      expect(lines).toEqual(output)
      const read = (path: string): Promise<string> =>
        readFile(fileURLToPath(new URL(path, import.meta.url)), 'utf8')
      expect(await read('../../README.md')).toContain((await read(`../../examples/${name}.ts`)).trim())
    },
  )
})
