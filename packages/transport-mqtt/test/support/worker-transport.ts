import type { Transport } from '@aether/core'
import { mqtt, type MqttOptions } from '../../src/index.ts'

/** How a worker's process makes its transport. */
export function createTransport(options: unknown): Transport {
  return mqtt(options as MqttOptions)
}
