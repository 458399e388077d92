import { createAether, defineTask } from '@aether/core'
import { redis } from '@aether/transport-redis'
import { Redis } from 'ioredis'

const url = process.argv[2] ?? 'redis://127.0.0.1:6379'
const square = defineTask({ job: 'math', task: 'square' })

// A client that the application has anyway; a `Cluster` of ioredis does as well.
const client = new Redis(url)
const aether = createAether({ union: 'shop', transport: redis({ client, mode: 'pubsub' }) })
const worker = aether.worker()
worker.handle(square, (input) => Number(input) ** 2)
await worker.start()
console.log(await aether.perform(square, 12))

await aether.close()
console.log(await client.ping())
client.disconnect()
