import type { WireError } from '../errors.ts'

/** Where the one connection of a client stands. */
export type ConnectionState =
  | { readonly status: 'idle' }
  | { readonly status: 'connecting' }
  /** `generation` grows with each new connection. */
  | { readonly status: 'ready'; readonly generation: number }
  | { readonly status: 'reconnecting'; readonly attempt: number; readonly error: WireError }
  | { readonly status: 'closing' }
  | { readonly status: 'closed' }
  | { readonly status: 'failed'; readonly error: WireError }

/** Whether the connection is over for good. */
export function isOver(state: ConnectionState): boolean {
  return state.status === 'closing' || state.status === 'closed' || state.status === 'failed'
}
