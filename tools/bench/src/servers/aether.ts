import { createBroker } from '@aether/broker'

const broker = createBroker({ host: '127.0.0.1', port: Number(process.argv[2]), maxConnections: 20_000 })
await broker.start()
process.on('message', (message) => {
  if (message !== 'gc') return
  // Twice: what the first pass finalizes, the second frees.
  globalThis.gc?.()
  setTimeout(() => {
    globalThis.gc?.()
    process.send?.('collected')
  }, 200)
})
process.once('SIGTERM', () => void broker.close().then(() => process.exit(0)))
