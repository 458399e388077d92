import { createAether, defineTask, exponential, type Transport } from '@aether/core'
import { z } from 'zod'

// Defined once, shared by client and worker: names, types and defaults.
const resize = defineTask({
  job: 'image',
  task: 'resize',
  input: z.object({ name: z.string(), width: z.number() }),
  progress: z.object({ percent: z.number() }),
  output: z.object({ file: z.string() }),
  deadlineMs: 120_000,
  attempts: 5,
  backoff: exponential(1_000),
})

/** Any transport: `memory()`, `tcp({ url })` … */
export async function quickStart(transport: Transport, print: (line: string) => void): Promise<void> {
  const aether = createAether({ union: 'shop', transport })

  const worker = aether.worker({ concurrency: 16 })
  worker.handle(resize, async (input, ctx) => {
    await ctx.progress({ percent: 50 })
    return { file: `${input.name}-${input.width}.webp` }
  })
  await worker.start()

  const run = aether.perform(resize, { name: 'cat', width: 320 })
  for await (const step of run.progress) print(`${step.percent} %`)
  print((await run).file)

  await aether.close()
}
