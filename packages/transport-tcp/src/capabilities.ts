import type { Capabilities } from '@aether/core'

/** What the TCP transport can do, each value in its type. */
export interface TcpCapabilities extends Capabilities {
  readonly delivery: 'at-least-once'
  readonly redelivery: 'native'
  readonly durable: false
  readonly groups: true
  readonly delay: true
  readonly priority: true
  readonly deadLetter: true
  readonly results: true
  readonly ordering: true
}

/** With the default payload limit of a broker; see `TcpOptions.maxPayloadBytes`. */
export const tcpCapabilities: TcpCapabilities = {
  delivery: 'at-least-once',
  redelivery: 'native',
  durable: false,
  groups: true,
  delay: true,
  priority: true,
  deadLetter: true,
  results: true,
  ordering: true,
  maxPayloadBytes: 1_048_576,
}
