import { createAether, defineTask } from '@aether/core'
import { memory } from '@aether/transport-memory'

const greet = defineTask({ job: 'demo', task: 'greet' })
const aether = createAether({ union: 'example', transport: memory() })

const worker = aether.worker()
worker.handle(greet, async (input, ctx) => {
  await ctx.progress({ pct: 50 })
  return `hello, ${String(input)}`
})
await worker.start()

const run = aether.perform(greet, 'you')
for await (const progress of run.progress) console.log(progress)
console.log(await run)
await aether.close()
