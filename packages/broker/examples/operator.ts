import { connect, createBroker } from '@aether/broker'

await using broker = createBroker({ port: 0, limits: { maxQueued: 10_000 } })
await broker.start()

// In the broker's own process:
console.log(broker.stats().connections, broker.deadLetters().length)

// From anywhere else:
await using client = await connect(broker.url)
const stats = JSON.parse((await client.request('$broker/stats', Buffer.alloc(0))).text())
const letters = JSON.parse((await client.request('$broker/dead-letters', Buffer.alloc(0))).text())
console.log(stats.connections, letters.length)
