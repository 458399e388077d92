import { setTimeout as sleep } from 'node:timers/promises'
import { AetherMagic, AetherTask, signal } from './aether.ts'

const { MQTT_HOST = 'localhost', MQTT_PORT = '1883' } = process.env
const aether = new AetherMagic({ host: MQTT_HOST, port: Number(MQTT_PORT) })

// Create task
const task = new AetherTask({
  job: 'my_service',
  task: 'process_data',
  context: 'production',
  on_perform: async (ae_task, data) => {
    console.log('Processing:', data)

    // Send intermediate status
    await ae_task.status(50)

    // Simulate work
    await sleep(200)

    // Complete task
    await ae_task.complete(true, { result: 'success' })
  },
})

// Register worker
await task.idle()
console.log('Ready')

// Start main loop
await aether.main({ signal })
