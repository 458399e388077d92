import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

test.each([
  ['first.ts', 'news/today it works en\nhello, you\n'],
  ['operator.ts', '0 0\n1 0\n'],
])('%s prints what it says and ends', async (name, expected) => {
  const file = fileURLToPath(new URL(`../examples/${name}`, import.meta.url))
  const child = spawn(process.execPath, ['--conditions=@aether/source', '--import', 'tsx', file])
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      output += String(chunk)
    })
  }
  const [code] = (await once(child, 'exit')) as [number]
  expect(output).toBe(expected)
  expect(code).toBe(0)
})
