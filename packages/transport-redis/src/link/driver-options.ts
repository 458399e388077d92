import type { RedisOptions } from 'ioredis'
import type { Access, Address } from '../target.ts'

/** Options of the driver for whatever server it is led to. */
export function accessOptions(access: Access, attemptTimeoutMs: number): RedisOptions {
  const { username, password, tls, db } = access
  return {
    db,
    connectTimeout: attemptTimeoutMs,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(tls === undefined ? {} : { tls }),
  }
}

/** Options of the driver for one server. */
export function driverOptions(address: Address, access: Access, attemptTimeoutMs: number): RedisOptions {
  return { host: address.host, port: address.port, ...accessOptions(access, attemptTimeoutMs) }
}
