import type { Contender } from '../contender.ts'
import { openTransport } from '../transports.ts'
import { tasks } from './aether-tasks.ts'

/** The same tasks over servers that others make. */
function over(name: string, server: Contender['server'], packages: readonly string[]): Contender {
  return {
    name,
    server,
    packages: ['@aether/core', ...packages],
    tasks: async (url, _seat, concurrency) => tasks(await openTransport(name, url), concurrency),
  }
}

export const aetherMqtt: Contender = over('aether-mqtt', 'mosquitto', ['@aether/transport-mqtt', 'mqtt'])
