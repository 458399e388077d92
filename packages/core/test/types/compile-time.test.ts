import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const run = promisify(execFile)
const packageFolder = join(dirname(fileURLToPath(import.meta.url)), '..', '..')

/** An application of `count` tasks: each defined with three schemas, handled, performed and awaited. */
function application(count: number): string {
  const tasks = Array.from(
    { length: count },
    (_, n) => `
export const task${n} = defineTask({
  job: 'job${n % 20}',
  task: 'task${n}',
  input: z.object({ id${n}: z.number(), name: z.string(), tags: z.array(z.string()) }),
  progress: z.object({ percent${n}: z.number() }),
  output: z.object({ done${n}: z.boolean() }),
})
worker.handle(task${n}, async (input, ctx) => {
  await ctx.progress({ percent${n}: input.id${n} })
  return { done${n}: input.name === '' }
})
export const result${n} = async (): Promise<boolean> =>
  (await aether.perform(task${n}, { id${n}: 1, name: '', tags: [] })).done${n}
`,
  )
  return `import { defineTask, type Aether } from '../../src/index.ts'
import { z } from 'zod'
declare const aether: Aether
const worker = aether.worker()
${tasks.join('')}`
}

describe('the time tsc takes', () => {
  let folder = ''

  beforeAll(async () => {
    // Within the package, so that its imports resolve, but not among its sources.
    const reports = join(packageFolder, '.reports')
    await mkdir(reports, { recursive: true })
    folder = await mkdtemp(join(reports, 'types-'))
  })

  afterAll(() => rm(folder, { recursive: true, force: true }))

  /** Counted by the compiler: the same on a busy machine. */
  async function instantiations(count: number): Promise<number> {
    const project = join(folder, `tsconfig.${count}.json`)
    await writeFile(join(folder, `app-${count}.ts`), application(count))
    await writeFile(
      project,
      JSON.stringify({
        extends: '../../../../tsconfig.base.json',
        compilerOptions: { noEmit: true, allowImportingTsExtensions: true, rootDir: '../../../../..' },
        files: [`app-${count}.ts`],
      }),
    )
    const tsc = join(packageFolder, 'node_modules', '.bin', 'tsc')
    const { stdout } = await run(tsc, ['-p', project, '--extendedDiagnostics'], { cwd: packageFolder })
    const match = /Instantiations:\s+(\d+)/.exec(stdout)
    if (match === null) throw new Error(`tsc printed no instantiations:\n${stdout}`)
    return Number(match[1])
  }

  it('stays flat for each task, from 50 to 500', async () => {
    const [one, fifty, fiveHundred] = [
      await instantiations(1),
      await instantiations(50),
      await instantiations(500),
    ]
    const eachOfFifty = (fifty - one) / 49
    const eachOfMore = (fiveHundred - fifty) / 450
    expect(eachOfFifty).toBeGreaterThan(0)
    expect(eachOfMore / eachOfFifty).toBeLessThan(1.05)
    // What core itself asks of the compiler for a task, schemas included, stays small.
    expect(eachOfMore).toBeLessThan(2_000)
  }, 120_000)
})
