import { ConnectionConfig, ProtocolType } from '@aether/aethermagic'
import { AetherMagic } from './aether.ts'

const { REDIS_PORT = '6379' } = process.env

const config = new ConnectionConfig({
  protocol_type: ProtocolType.REDIS,
  host: 'localhost',
  port: Number(REDIS_PORT),
  ssl: false,
  username: 'user',
  password: 'pass',
  union: 'my_app', // namespace for application
  timeout: 30,
  keepalive: 60,

  // Redis Streams
  use_streams: true,
  consumer_group: 'workers',
  consumer_name: 'worker_1',
})

const aether = new AetherMagic(config)
await aether.connect()
console.log(aether.config.union, aether.config.redis_mode, aether.connected)
await aether.close()
