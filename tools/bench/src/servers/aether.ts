import { createBroker } from '@aether/broker'
import { serve } from './serve.ts'

const broker = createBroker({ host: '127.0.0.1', port: 0, maxConnections: 20_000 })
await broker.start()
serve(broker.address.port, () => broker.close())
