import { AetherMagic, AetherTask, signal } from './aether.ts'

const { MQTT_PORT = '1883' } = process.env
const aether = new AetherMagic({ protocol_type: 'mqtt', host: 'localhost', port: Number(MQTT_PORT) })

// Multiple workers subscribe to shared topic
// $share/union_job_workgroup/union/job/task/context/+/perform
await aether.listen('image-process', 'resize', 'batch1', 'perform', 'workers', async (ae_task, data) => {
  await ae_task.complete(true, data)
})

// Any other action is heard by all who listen
await aether.listen('image-process', 'resize', '+', 'complete', 'workers', (message, data) => {
  console.log(message.action, message.status, data)
})

await new AetherTask({ job: 'image-process', task: 'resize', context: 'batch1' }).perform({ width: 320 })
await aether.main({ signal })
