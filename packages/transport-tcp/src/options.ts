import type { TlsOptions } from '@aether/wire/tcp'
import { tcpCapabilities } from './capabilities.ts'
import { invalidInput } from './errors.ts'

export interface TcpOptions {
  /** `aether://host:port`, `tcp://host:port` or `tls://host:port`. */
  readonly url: string
  /** What the broker asks for, if it does. @default '' */
  readonly token?: string
  /** For `tls://` URLs. */
  readonly tls?: TlsOptions
  /** Largest body carried: not over the broker's own limit; for workers, not under it either. @default 1_048_576 */
  readonly maxPayloadBytes?: number
  /** How long `start`, and a call that waits for a connection, may wait. @default 10_000 */
  readonly connectTimeoutMs?: number
  /** How long one attempt to connect may take. @default 5_000 */
  readonly attemptTimeoutMs?: number
  /** Longest waits between attempts to connect, with full jitter. @default { initialMs: 50, maxMs: 5_000 } */
  readonly backoff?: { readonly initialMs?: number; readonly maxMs?: number }
  /** How long `close` waits for what was said to be confirmed. @default 1_000 */
  readonly closeTimeoutMs?: number
  /** Calls that may wait for a connection, and runs that may be open. @default 100_000 */
  readonly maxPending?: number
}

const known = new Set([
  'url',
  'token',
  'tls',
  'maxPayloadBytes',
  'connectTimeoutMs',
  'attemptTimeoutMs',
  'backoff',
  'closeTimeoutMs',
  'maxPending',
])

/** Checks what the wire does not check itself; throws `ERR_AETHER_OPTIONS_INVALID`. */
export function checkOptions(options: TcpOptions): { readonly maxPayloadBytes: number } {
  if (typeof options !== 'object' || options === null)
    throw invalidInput('tcp takes an object of options.', {})
  for (const name of Object.keys(options)) {
    if (!known.has(name)) throw invalidInput(`Option ${name} of tcp is unknown.`, { option: name })
  }
  const { maxPayloadBytes = tcpCapabilities.maxPayloadBytes } = options
  if (!Number.isInteger(maxPayloadBytes) || maxPayloadBytes < 1 || maxPayloadBytes > 0x3fff_0000) {
    throw invalidInput('Option maxPayloadBytes of tcp must be a whole number from 1 to 1073676288.', {
      option: 'maxPayloadBytes',
    })
  }
  return { maxPayloadBytes }
}
