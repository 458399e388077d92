import { createAether, defineTask } from '@aether/core'
import { mqtt } from '@aether/transport-mqtt'

// Of any MQTT broker: `mosquitto -p 1883`, say
const url = process.argv[2] ?? 'mqtt://127.0.0.1:1883'
const greet = defineTask({ job: 'text', task: 'greet' })

const workers = createAether({ union: 'shop', transport: mqtt({ url }) })
const worker = workers.worker({ concurrency: 4 })
worker.handle(greet, async (name, ctx) => {
  await ctx.status(50)
  return `hello, ${String(name)}`
})
await worker.start()

const client = createAether({ union: 'shop', transport: mqtt({ url }) })
console.log(await client.perform(greet, 'world'))

await client.close()
await workers.close()
