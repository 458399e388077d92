import { AetherMagic, AetherTask } from './aether.ts'

const { MQTT_HOST = 'localhost', MQTT_PORT = '1883' } = process.env
const aether = new AetherMagic({ host: MQTT_HOST, port: Number(MQTT_PORT) })

// Create client task
const client_task = new AetherTask({
  job: 'my_service',
  task: 'process_data',
  context: 'production',
  on_status: (_ae_task, complete, succeed, progress) => {
    if (complete) console.log(`Task finished: ${succeed}`)
    else console.log(`Progress: ${progress}%`)
  },
  on_complete: (_ae_task, _succeed, data) => {
    console.log('Result:', data)
  },
})

// Send task
await client_task.perform({
  input_file: '/path/to/data.csv',
  options: { format: 'json' },
})

// Waits for the result, half a minute at most
await aether.close()
