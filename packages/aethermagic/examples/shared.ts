import { AetherMagic, signal } from './aether.ts'

const { REDIS_PORT = '6379' } = process.env

// Create workers
const worker = new AetherMagic({ protocol_type: 'redis', host: 'localhost', port: Number(REDIS_PORT) })
await worker.connect()

// Add load-balanced task handler
await worker.add_task({
  job: 'processing',
  task: 'compute',
  context: 'demo',
  callback: (_ae_task, data) => console.log('compute:', data),
  shared: true, // Enable load balancing
})

// Publish load-balanced tasks
await worker.perform_task({
  job: 'processing',
  task: 'compute',
  context: 'demo',
  data: { work: 'data' },
  shared: true, // Only one worker will receive this
})

await worker.main({ signal })
