import { AetherError } from '@aether/core'
import type { RedisOptions } from 'ioredis'
import { connectError } from '../errors.ts'
import type { SentinelTarget } from '../target.ts'
import { accessOptions, driverOptions } from './driver-options.ts'

/** Options of the driver for the master that the Sentinels name; each is asked once, since trying again is the link's. */
export function sentinelOptions(target: SentinelTarget, attemptTimeoutMs: number): RedisOptions {
  const { sentinels, name, sentinelUsername, sentinelPassword, tls } = target
  return {
    ...accessOptions(target, attemptTimeoutMs),
    sentinels: [...sentinels],
    name,
    sentinelRetryStrategy: () => null,
    // So that one that is frozen leaves time to ask the others, and the master.
    sentinelCommandTimeout: attemptTimeoutMs / (sentinels.length + 1),
    // Those that the options name, since others may be known only by names of their own network.
    updateSentinels: false,
    ...(sentinelUsername === undefined ? {} : { sentinelUsername }),
    ...(sentinelPassword === undefined ? {} : { sentinelPassword }),
    ...(tls === undefined ? {} : { sentinelTLS: tls, enableTLSForSentinelMode: true }),
  }
}

/** Options of the driver for each Sentinel itself. */
export function eachSentinel(target: SentinelTarget, attemptTimeoutMs: number): RedisOptions[] {
  const { sentinels, sentinelUsername: username, sentinelPassword: password, tls } = target
  return sentinels.map((one) => driverOptions(one, { username, password, tls, db: 0 }, attemptTimeoutMs))
}

/** What the driver says of a Sentinel that was no help. */
export function sentinelError({ message }: Error, name: string, usesTls: boolean): AetherError {
  const address = /sentinel (\S+)/.exec(message)?.[1] ?? ''
  const reason = / because (.*)$/s.exec(message)?.[1]
  if (reason === undefined) return wrongSentinel(address, `knows no master ${name}: see option name`)
  if (/unknown command/i.test(reason)) return wrongSentinel(address, 'is none: see option sentinels')
  if (/^(Connection is closed|Command timed out)/.test(reason))
    return connectError(new Error(`it does not answer (${reason})`), `the Sentinel ${address}`, usesTls)
  return connectError(new Error(reason), `the Sentinel ${address}`, usesTls)
}

function wrongSentinel(address: string, what: string): AetherError {
  return new AetherError('ERR_AETHER_OPTIONS_INVALID', `The Sentinel at ${address} ${what}.`)
}
