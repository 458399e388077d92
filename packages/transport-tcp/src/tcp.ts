import type { Transport } from '@aether/core'
import { createTcpClient } from '@aether/wire/tcp'
import { type TcpCapabilities, tcpCapabilities } from './capabilities.ts'
import { toAetherError } from './errors.ts'
import { checkOptions, type TcpOptions } from './options.ts'
import { TcpTransport } from './tcp-transport.ts'

/** What a frame may hold beside its body. */
const HEAD_BYTES = 65_536

/**
 * The transport to an Aether broker. At least once, redelivered by the broker itself; not durable. Connects at `start`. Throws
 * `ERR_AETHER_OPTIONS_INVALID`.
 *
 * @example
 * const aether = createAether({ union: 'shop', transport: tcp({ url: 'aether://127.0.0.1:7411' }) })
 */
export function tcp(options: TcpOptions): Transport<TcpCapabilities> {
  const { maxPayloadBytes } = checkOptions(options)
  const { url, maxPayloadBytes: _checked, ...session } = options
  try {
    const client = createTcpClient(url, {
      onWarning: (error) => transport.warn(error),
      ...session,
      maxFrameBytes: Math.max(maxPayloadBytes + HEAD_BYTES, 1_114_112),
    })
    const transport: TcpTransport = new TcpTransport(client, { ...tcpCapabilities, maxPayloadBytes })
    return transport
  } catch (error) {
    throw toAetherError(error)
  }
}
