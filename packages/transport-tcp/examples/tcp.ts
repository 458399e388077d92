import { createAether, defineTask } from '@aether/core'
import { tcp } from '@aether/transport-tcp'

// aether://host:port of a running broker: `npx -p @aether/broker aether-broker`
const url = process.argv[2] ?? 'aether://127.0.0.1:7411'
const greet = defineTask({ job: 'text', task: 'greet' })

const workers = createAether({ union: 'shop', transport: tcp({ url }) })
const worker = workers.worker({ concurrency: 4 })
worker.handle(greet, async (name, ctx) => {
  await ctx.status(50)
  return `hello, ${String(name)}`
})
await worker.start()

const client = createAether({ union: 'shop', transport: tcp({ url }) })
console.log(await client.perform(greet, 'world'))

await client.close()
await workers.close()
