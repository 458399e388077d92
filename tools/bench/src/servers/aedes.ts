import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { Aedes } from 'aedes'
import { serve } from './serve.ts'

const aedes = await Aedes.createBroker()
const server = createServer(aedes.handle).listen(0, '127.0.0.1')
await once(server, 'listening')
serve((server.address() as AddressInfo).port, async () => undefined)
