import type { TransportState } from '@aether/core'
import type { ConnectionState } from '@aether/wire'
import { toAetherError } from './errors.ts'

/** The state of the connection in the words of core. */
export function transportState(state: ConnectionState): TransportState {
  switch (state.status) {
    case 'connecting':
      return { status: 'starting' }
    case 'reconnecting':
      return { status: 'reconnecting', attempt: state.attempt, error: toAetherError(state.error) }
    case 'failed':
      return { status: 'failed', error: toAetherError(state.error) }
    default:
      return state
  }
}
