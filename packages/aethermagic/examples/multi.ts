import { AetherMagic, AetherTask, signal } from './aether.ts'

const { MQTT_HOST = 'mqtt.example.com', MQTT_PORT = '8883' } = process.env
const { REDIS_HOST = 'redis.example.com', REDIS_PORT = '6379' } = process.env

async function multi_protocol_service(): Promise<void> {
  // MQTT for general messaging
  const mqtt_service = new AetherMagic({
    protocol_type: 'mqtt',
    host: MQTT_HOST,
    port: Number(MQTT_PORT),
    ssl: true,
    union: 'production',
    channel: 'messaging', // Channel identifier
  })

  // Redis for caching and AI tasks
  const redis_service = new AetherMagic({
    protocol_type: 'redis',
    host: REDIS_HOST,
    port: Number(REDIS_PORT),
    ssl: true,
    union: 'production',
    channel: 'caching', // Different channel
  })

  // Start both services; each keeps its own connection, also while the other is down
  const services = [mqtt_service.main({ signal }), redis_service.main({ signal })]

  // Create tasks for different channels
  const mqtt_task = new AetherTask({
    job: 'notifications',
    task: 'send_email',
    channel: 'messaging', // Uses MQTT
    on_perform: (_ae_task, data) => console.log('send_email', data),
  })

  const redis_task = new AetherTask({
    job: 'ai',
    task: 'generate_image',
    channel: 'caching', // Uses Redis
    on_perform: (_ae_task, data) => console.log('generate_image', data),
  })

  // A task without a worker is refused here, so this process works on both
  await mqtt_task.idle()
  await redis_task.idle()

  // Execute tasks
  await mqtt_task.perform({ email: 'user@example.com' })
  await mqtt_task.run
  await redis_task.perform({ prompt: 'sunset landscape' })

  await Promise.all(services)
}

// Run the service
await multi_protocol_service()
