import type { Backoff } from './connection/backoff.ts'
import type { Dial } from './connection/byte-stream.ts'
import { WireError } from './errors.ts'
import { DEFAULT_MAX_FRAME_BYTES } from './frames/frame-reader.ts'
import { textBytes } from './frames/text.ts'

/** What a session is told, whatever it runs over. */
export interface SessionOptions {
  /** Name of this client, for logs and presence; up to 255 bytes. @default 'client' */
  readonly client?: string
  /** Name of this machine; up to 255 bytes. @default '' */
  readonly host?: string
  /** What the broker asks for, if it does. @default '' */
  readonly token?: string
  /** Longest frame accepted from the broker. @default 1_114_112 */
  readonly maxFrameBytes?: number
  /** How long `connect`, and whatever waits for a connection, may wait altogether. @default 10_000 */
  readonly connectTimeoutMs?: number
  /** How long one attempt to connect may take, its handshake included. @default 5_000 */
  readonly attemptTimeoutMs?: number
  /** Between attempts to connect. */
  readonly backoff?: Backoff
  /** How long `close` waits for what was written to go. @default 1_000 */
  readonly closeTimeoutMs?: number
  /** Bytes held for a connection that is slow or away; past it `publish`, requests and reports fail with `ERR_AETHER_QUEUE_FULL`. @default 67_108_864 */
  readonly maxOutboundBytes?: number
  /** Past it `publish` returns false: time to wait for `drained`. @default 1_048_576 */
  readonly highWaterBytes?: number
  /** Requests, runs and calls waiting for a connection, each. @default 100_000 */
  readonly maxPending?: number
  /** For what nobody waits for: a subscription that could not be made again, say. @default ignored */
  readonly onWarning?: (error: WireError) => void
  /** 0 ≤ x < 1, for jitter. @default Math.random */
  readonly random?: () => number
}

export interface ClientOptions extends SessionOptions {
  readonly dial: Dial
  /** Runs a callback once this turn of the event loop is over: what was written until then goes out as one. @default queueMicrotask */
  readonly defer?: (callback: () => void) => void
}

/** Options with every default in place. */
export interface ResolvedOptions {
  readonly client: string
  readonly host: string
  readonly token: string
  readonly maxFrameBytes: number
  readonly connectTimeoutMs: number
  readonly attemptTimeoutMs: number
  readonly backoff: Required<Backoff>
  readonly closeTimeoutMs: number
  readonly maxOutboundBytes: number
  readonly highWaterBytes: number
  readonly maxPending: number
  readonly onWarning: (error: WireError) => void
  readonly random: () => number
  readonly dial: Dial
  readonly defer: (callback: () => void) => void
}

const known = new Set([
  'client',
  'host',
  'token',
  'maxFrameBytes',
  'connectTimeoutMs',
  'attemptTimeoutMs',
  'backoff',
  'closeTimeoutMs',
  'maxOutboundBytes',
  'highWaterBytes',
  'maxPending',
  'onWarning',
  'random',
  'dial',
  'defer',
])

/** Checks every option and fills in the defaults; throws `ERR_AETHER_OPTIONS_INVALID`. */
export function resolveOptions(options: ClientOptions): ResolvedOptions {
  if (typeof options !== 'object' || options === null) throw invalid('options', 'an object', options)
  for (const name of Object.keys(options))
    if (!known.has(name)) throw new WireError('ERR_AETHER_OPTIONS_INVALID', `Option ${name} is unknown.`)
  if (typeof options.dial !== 'function') throw invalid('dial', 'a function', options.dial)
  const backoff = options.backoff ?? {}
  if (typeof backoff !== 'object') throw invalid('backoff', 'an object', backoff)
  const initialMs = wholeNumber('backoff.initialMs', backoff.initialMs, 50, 1, 3_600_000)
  return {
    client: text('client', options.client, 'client'),
    host: text('host', options.host, ''),
    token: text('token', options.token, '', 65_535),
    maxFrameBytes: wholeNumber(
      'maxFrameBytes',
      options.maxFrameBytes,
      DEFAULT_MAX_FRAME_BYTES,
      1_024,
      1_073_741_824,
    ),
    connectTimeoutMs: wholeNumber('connectTimeoutMs', options.connectTimeoutMs, 10_000, 1, 3_600_000),
    attemptTimeoutMs: wholeNumber('attemptTimeoutMs', options.attemptTimeoutMs, 5_000, 1, 3_600_000),
    backoff: {
      initialMs,
      maxMs: wholeNumber('backoff.maxMs', backoff.maxMs, Math.max(5_000, initialMs), initialMs, 3_600_000),
    },
    closeTimeoutMs: wholeNumber('closeTimeoutMs', options.closeTimeoutMs, 1_000, 0, 3_600_000),
    maxOutboundBytes: wholeNumber(
      'maxOutboundBytes',
      options.maxOutboundBytes,
      67_108_864,
      1_024,
      Number.MAX_SAFE_INTEGER,
    ),
    highWaterBytes: wholeNumber(
      'highWaterBytes',
      options.highWaterBytes,
      1_048_576,
      1_024,
      Number.MAX_SAFE_INTEGER,
    ),
    maxPending: wholeNumber('maxPending', options.maxPending, 100_000, 1, 1_000_000),
    onWarning: callable('onWarning', options.onWarning, () => {}),
    random: callable('random', options.random, Math.random),
    dial: options.dial,
    defer: callable('defer', options.defer, queueMicrotask),
  }
}

/** A whole number within bounds, or its default. Throws `ERR_AETHER_OPTIONS_INVALID`. */
export function wholeNumber(
  name: string,
  value: unknown,
  fallback: number,
  least: number,
  most: number,
): number {
  if (value === undefined) return fallback
  if (typeof value !== 'number' || !Number.isInteger(value) || value < least || value > most) {
    throw invalid(name, `a whole number from ${least} to ${most}`, value)
  }
  return value
}

/** An error for an option that is not what it should be. */
export function invalid(name: string, wanted: string, value: unknown): WireError {
  const got =
    typeof value === 'number' || typeof value === 'boolean'
      ? String(value)
      : value === null
        ? 'null'
        : typeof value
  return new WireError('ERR_AETHER_OPTIONS_INVALID', `Option ${name} must be ${wanted}; got ${got}.`, {
    detail: { option: name },
  })
}

/** A string that a frame can hold, or its default. Throws `ERR_AETHER_OPTIONS_INVALID`. */
export function text(name: string, value: unknown, fallback: string, most: number = 255): string {
  if (value === undefined) return fallback
  if (typeof value === 'string' && value.length <= most && textBytes(value) <= most) return value
  throw invalid(name, `a string of at most ${most} bytes`, value)
}

function callable<F extends (...args: never[]) => unknown>(
  name: string,
  value: F | undefined,
  fallback: F,
): F {
  if (value === undefined) return fallback
  if (typeof value !== 'function') throw invalid(name, 'a function', value)
  return value
}
