import { AetherMagic, AetherTask, signal } from './aether.ts'

const { MQTT_HOST = 'your-mqtt-broker.com', MQTT_PORT = '1883' } = process.env

// This will work properly with real MQTT brokers
const ae = new AetherMagic({
  protocol: 'mqtt',
  host: MQTT_HOST,
  port: Number(MQTT_PORT),
  union: 'production',
  workgroup: 'workers', // Creates shared subscription group
})

await ae.listen_for_shared({
  job: 'engine',
  task: 'process-data',
  context: 'batch1',
  action: 'perform',
  handler: (_ae_task, data) => console.log(data),
})

await new AetherTask({ job: 'engine', task: 'process-data', context: 'batch1' }).perform({ n: 1 })
await ae.main({ signal })
