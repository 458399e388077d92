import { AetherMagic } from './aether.ts'

const { MQTT_PORT = '1883' } = process.env

// Old code
const aether = new AetherMagic({ server: 'localhost', port: Number(MQTT_PORT) })

await aether.connect()
console.log(aether.config.protocol_type, aether.config.host, aether.connected)
await aether.close()
