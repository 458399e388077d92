import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createBalancer } from '@aether/lb'

// Three servers to balance; the second one is out of order.
const servers = ['one', 'two', 'three'].map((name) =>
  createServer((_, response) => response.writeHead(name === 'two' ? 503 : 200).end(name)),
)
await Promise.all(servers.map((server) => once(server.listen(0, '127.0.0.1'), 'listening')))

const lb = createBalancer({ healthCheck: { probe: 'tcp' } })
for (const server of servers) lb.add({ host: '127.0.0.1', port: (server.address() as AddressInfo).port })
lb.start()

// A real attempt: what answers 503 is tried elsewhere, since a GET may be, and keeps getting less.
const answers = new Set<string>()
for (let n = 0; n < 30; n++) {
  const { value } = await lb.route({ method: 'GET' }, async ({ backend, signal }) => {
    const response = await fetch(`http://${backend.host}:${backend.port}/`, { signal })
    return { status: response.status, text: await response.text() }
  })
  answers.add(value.text)
}
console.log(`answers: ${[...answers].sort().join(', ')}`)

await lb.close()
for (const server of servers) server.close()
