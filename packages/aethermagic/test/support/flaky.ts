import { AetherError, type ErrorCode, type Transport, type TransportState } from '@aether/core'

export interface Flaky {
  readonly transport: Transport
  /** Ends the connection for good, as a transport does that is refused when it connects again. */
  fail(error: AetherError): void
}

export function refusal(code: ErrorCode, retryable: boolean): AetherError {
  return new AetherError(code, `refused with ${code}`, { retryable })
}

/** A transport that works, until it is told to fail; or that does not even start. */
export function flaky(real: Transport, notStarting?: AetherError): Flaky {
  let failed: AetherError | undefined
  let wake: () => void = () => {}
  const changed = new Promise<void>((resolve) => (wake = resolve))
  const stateNow = (): TransportState =>
    failed === undefined ? real.state : { status: 'failed', error: failed }
  async function* states(options?: { readonly signal?: AbortSignal }): AsyncIterable<TransportState> {
    const closed = new Promise<void>((resolve) => options?.signal?.addEventListener('abort', () => resolve()))
    await Promise.race([changed, closed])
    if (failed !== undefined) yield stateNow()
  }
  const transport = new Proxy(real, {
    get(target, key) {
      if (key === 'state') return stateNow()
      if (key === 'states') return states
      if (key === 'start' && notStarting !== undefined) return () => Promise.reject(notStarting)
      const value: unknown = Reflect.get(target, key, target)
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
  return {
    transport,
    fail(error) {
      failed = error
      wake()
    },
  }
}
