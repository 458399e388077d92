// What `from aethermagic import AetherMagic, AetherTask` is in Python: the rest of the program imports this file.
import { aethermagic } from '@aether/aethermagic'
import { mqtt } from '@aether/transport-mqtt'
import { redis } from '@aether/transport-redis'

export const { AetherMagic, AetherTask } = aethermagic({ mqtt, redis })

// Python's main() ends with its process; here a signal ends it in order.
const stop = new AbortController()
process.once('SIGTERM', () => stop.abort())
export const { signal } = stop
