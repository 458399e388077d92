import { aethermagic } from '@aether/aethermagic'
import { mqtt } from '@aether/transport-mqtt'

const { AetherMagic, AetherTask } = aethermagic({ mqtt })
const aether = new AetherMagic({ host: 'localhost', port: Number(process.env['MQTT_PORT'] ?? 1883) })
const kind = { job: 'my_service', task: 'process_data' }

const worker = new AetherTask({
  ...kind,
  on_perform: async (ae_task, data: { file: string }) => {
    await ae_task.status(50)
    await ae_task.complete(true, { processed: data.file })
  },
})
await worker.idle()

const client = new AetherTask({
  ...kind,
  on_status: (_task, complete, _succeed, progress) => complete || console.log(`${progress}%`),
  on_complete: (_task, succeed, data) => console.log(succeed, data),
})
await client.perform({ file: 'data.csv' })
await client.run
await aether.close()
