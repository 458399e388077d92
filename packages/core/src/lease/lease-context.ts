import { AetherError, isAetherError } from '../errors.ts'
import type { AetherEvent, TransportHost } from '../transport.ts'
import type { LeaseSettings } from './lease-options.ts'
import type { Relay, Signal } from './relay.ts'
import type { TimerHeap } from './timer-heap.ts'

/** What both sides of the lease layer share. */
export interface LeaseContext {
  readonly relay: Relay
  readonly host: TransportHost
  readonly settings: LeaseSettings
  readonly timers: TimerHeap
}

/** Sends a signal that may be lost: whoever needs an answer asks again. What is too large for the engine would never arrive, so that is told. */
export function say(
  context: LeaseContext,
  to: string,
  signal: Signal,
  onTooLarge?: (error: AetherError) => void,
): void {
  context.relay
    .signal(to, signal.from === undefined ? { ...signal, from: context.relay.inbox } : signal)
    .catch((error: unknown) => {
      if (onTooLarge && isAetherError(error) && error.code === 'ERR_AETHER_PAYLOAD_TOO_LARGE')
        return onTooLarge(error)
      context.host.logger.debug('a lease signal was not sent', { kind: signal.kind, tid: signal.tid, error })
    })
}

/** Tells those who listen, if any; they are promised nothing. */
export function announce(context: LeaseContext, event: AetherEvent): void {
  if (!context.settings.announce || context.relay.isHeard?.(event) === false) return
  context.relay.publish(event).catch((error: unknown) => {
    context.host.logger.debug('an event was not published', { action: event.action, tid: event.tid, error })
  })
}

/** Whether nothing reaches this instance now: then nobody's silence says anything. */
export function isCutOff({ relay }: LeaseContext): boolean {
  return relay.isCutOff ?? relay.state.status !== 'ready'
}

export function closedError(name: string): AetherError {
  return new AetherError('ERR_AETHER_TRANSPORT_CLOSED', `transport ${name} is closed`)
}
