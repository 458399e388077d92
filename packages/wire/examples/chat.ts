import { connect } from '@aether/wire/tcp'

// aether://host:port of a running broker: `npx -p @aether/broker aether-broker`
const client = await connect(process.argv[2] ?? 'aether://127.0.0.1:7411')
const text = new TextEncoder()

const orders = await client.subscribe('orders/+', { limit: 100, overflow: 'drop-oldest' })
client.publish('orders/42', text.encode('two pizzas'), { headers: { priority: 'high' } })
for await (const message of orders) {
  console.log(message.topic, message.text(), message.headers['priority'])
  break // ends the subscription
}

await client.serve('price', (request) => text.encode(`${request.text().length * 3} EUR`))
console.log((await client.request('price', text.encode('pizza'), { timeoutMs: 1_000 })).text())

await client.close()
