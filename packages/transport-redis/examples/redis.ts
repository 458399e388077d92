import { createAether, defineTask } from '@aether/core'
import { redis } from '@aether/transport-redis'

// A Redis 6.2 or later: `redis-server`
const url = process.argv[2] ?? 'redis://127.0.0.1:6379'
const greet = defineTask({ job: 'text', task: 'greet' })

const workers = createAether({ union: 'shop', transport: redis({ url }) })
const worker = workers.worker({ concurrency: 4 })
worker.handle(greet, async (name, ctx) => {
  await ctx.status(50)
  return `hello, ${String(name)}`
})
await worker.start()

const client = createAether({ union: 'shop', transport: redis({ url }) })
console.log(await client.perform(greet, 'world'))

await client.close()
await workers.close()
