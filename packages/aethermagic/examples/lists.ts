import { ConnectionConfig } from '@aether/aethermagic'
import { AetherMagic, signal } from './aether.ts'

const { REDIS_PORT = '6379' } = process.env
const config = new ConnectionConfig({
  protocol_type: 'redis',
  host: 'localhost',
  port: Number(REDIS_PORT),
  mode: 'lists',
  consumer_name: 'worker_1',
})

const worker = new AetherMagic(config)
await worker.subscribe_to_tasks('job', 'task', 'context', (_ae_task, data) => console.log(data))

await worker.perform_task({ job: 'job', task: 'task', context: 'context', data: { n: 1 }, shared: true })
await worker.main({ signal })
