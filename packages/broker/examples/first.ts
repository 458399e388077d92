import { connect, createBroker } from '@aether/broker'

await using broker = createBroker({ port: 0 })
await broker.start()
await using client = await connect(broker.url)

const news = await client.subscribe('news/+')
client.publish('news/today', Buffer.from('it works'), { headers: { lang: 'en' } })
for await (const message of news) {
  console.log(message.topic, message.text(), message.headers['lang'])
  break
}

await client.serve('greet', (request) => Buffer.from(`hello, ${request.text()}`))
const reply = await client.request('greet', Buffer.from('you'))
console.log(reply.text())
