import type { Transport } from '@aether/core'
import { tcp, type TcpOptions } from '../../src/index.ts'

/** How a worker's process makes its transport. */
export function createTransport(options: unknown): Transport {
  return tcp(options as TcpOptions)
}
