import { ProtocolType } from '@aether/aethermagic'
import { AetherMagic } from './aether.ts'

const { MQTT_PORT = '1883', REDIS_PORT = '6379' } = process.env

// MQTT (original)
const aether_mqtt = new AetherMagic({
  protocol_type: ProtocolType.MQTT,
  host: 'localhost',
  port: Number(MQTT_PORT),
})

// Redis Pub/Sub
const aether_redis = new AetherMagic({
  protocol_type: ProtocolType.REDIS,
  host: 'localhost',
  port: Number(REDIS_PORT),
})

// Redis Streams (with reliable delivery)
const aether_streams = new AetherMagic({
  protocol_type: ProtocolType.REDIS,
  host: 'localhost',
  port: Number(REDIS_PORT),
  use_streams: true,
  consumer_group: 'workers',
})

for (const aether of [aether_mqtt, aether_redis, aether_streams]) {
  await aether.connect()
  console.log(aether.config.protocol_type, aether.config.redis_mode ?? '', aether.connected)
  await aether.close()
}
