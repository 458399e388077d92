import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { createBroker } from '@aether/broker'
import { describe, expect, it, onTestFinished } from 'vitest'

const examples = join(import.meta.dirname, '..', '..', 'examples')

const read = (name: string): string => readFileSync(join(examples, name), 'utf8')

/** Runs the text of an example as it stands, as someone would who pasted it, and returns what it prints. */
async function run(text: string): Promise<string> {
  const args = ['--conditions=@aether/source', '--import', 'tsx', '--input-type=module', '--eval', text]
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: examples })
  return stdout
}

describe('the first screen of the README', () => {
  it('runs in memory', async () => {
    expect(await run(read('first-screen.ts'))).toBe('50 %\ncat-320.webp\n')
  })

  it('runs over a broker', async () => {
    const server = createBroker({ port: 0 })
    await server.start()
    onTestFinished(() => server.close())
    const text = read('first-screen-tcp.ts').replace('aether://127.0.0.1:7411', server.url)
    expect(await run(text)).toBe('50 %\ncat-320.webp\n')
  })

  it('moves from one to the other with an import and a line', () => {
    const memory = read('first-screen.ts').split('\n')
    const tcp = read('first-screen-tcp.ts').split('\n')
    expect(tcp).toHaveLength(memory.length)
    expect(tcp.filter((line, index) => line !== memory[index])).toEqual([
      expect.stringContaining('import'),
      expect.stringContaining('transport: tcp('),
    ])
  })
})
