import { EventEmitter, getMaxListeners, setMaxListeners } from 'node:events'

/** Many requests may share one signal, such as that of a shutdown: from the eleventh on Node would warn of a leak. Who set a limit keeps it. */
export function expectManyListeners(signal: AbortSignal): void {
  try {
    if (getMaxListeners(signal) === EventEmitter.defaultMaxListeners) setMaxListeners(Infinity, signal)
  } catch {
    // It is of another make, or has no limit, of which Node 20 cannot tell.
  }
}
