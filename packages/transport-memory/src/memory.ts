import type { Transport } from '@aether/core'

import type { MemoryCapabilities } from './capabilities.ts'
import { createMemoryHub } from './hub.ts'
import type { MemoryOptions } from './options.ts'

/**
 * A transport over an engine of its own inside this process: the full queue semantics, with nothing installed and nothing kept when it closes.
 * For several applications in one process see `createMemoryHub`. Throws `ERR_AETHER_OPTIONS_INVALID`.
 *
 * @example
 * const aether = createAether({ union: 'shop', transport: memory() })
 */
export function memory(options: MemoryOptions = {}): Transport<MemoryCapabilities> {
  return createMemoryHub(options).transport()
}
