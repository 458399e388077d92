// A connection that is slow for a while, then lost, then there again.
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { AddressInfo } from 'node:net'

import { createFaultProxy } from '@aether/testing'

const server = createServer((socket) => socket.on('error', () => {}).pipe(socket)).listen(0, '127.0.0.1')
await once(server, 'listening')
const proxy = await createFaultProxy({ target: { port: (server.address() as AddressInfo).port } })

const client = connect(proxy.port, proxy.host)
proxy.set({ toClient: { delayMs: 200 } })
const startedAt = performance.now()
client.write('hello')
const [echo] = await once(client, 'data')
console.log(`${String(echo)} after ${performance.now() - startedAt >= 200 ? 'at least' : 'less than'} 200 ms`)

const losing = once(client, 'error')
proxy.cut()
const [lost] = (await losing) as [NodeJS.ErrnoException]
console.log(`cut: ${lost.code}, ${proxy.stats.open} open`)
proxy.heal()
const again = connect(proxy.port, proxy.host).end('again')
console.log(String((await once(again, 'data'))[0]), proxy.stats.accepted)
await proxy.close()
server.close()
