import { createAether, defineTask } from '@aether/core'
import { tcp } from '@aether/transport-tcp'
import { z } from 'zod'

// A task is defined once; client and worker take their types from it.
const resize = defineTask({
  job: 'image',
  task: 'resize',
  input: z.object({ name: z.string(), width: z.number() }),
  progress: z.object({ percent: z.number() }),
  output: z.object({ file: z.string() }),
})

const aether = createAether({ union: 'shop', transport: tcp({ url: 'aether://127.0.0.1:7411' }) })

// A worker: return completes the task, throw fails it, ctx.signal says when to stop.
const worker = aether.worker({ concurrency: 16 })
worker.handle(resize, async (input, ctx) => {
  await ctx.progress({ percent: 50 })
  return { file: `${input.name}-${input.width}.webp` }
})
await worker.start()

// A client: perform it, follow it, await it.
const run = aether.perform(resize, { name: 'cat', width: 320 })
for await (const step of run.progress) console.log(`${step.percent} %`)
console.log((await run).file)

await aether.close()
