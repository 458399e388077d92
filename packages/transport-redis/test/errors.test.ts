import { AetherError } from '@aether/core'
import { describe, expect, test } from 'vitest'
import { connectError, passes, toAetherError } from '../src/errors.ts'

/** What Redis and the driver say that no server here can be made to say at will; `errors.integration.test.ts` has the rest. */
describe('replies', () => {
  test.each([
    [
      'MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to no.',
      'ERR_AETHER_TRANSPORT_LOST',
    ],
    ['TRYAGAIN Multiple keys request during rehashing of slot', 'ERR_AETHER_TRANSPORT_LOST'],
    ['CLUSTERDOWN The cluster is down', 'ERR_AETHER_TRANSPORT_LOST'],
    ['LOADING Redis is loading the dataset in memory', 'ERR_AETHER_TRANSPORT_LOST'],
  ])('%s passes', (message, code) => {
    const error = new Error(message)
    expect(passes(error)).toBe(true)
    expect(toAetherError(error)).toMatchObject({ code, retryable: true, cause: error })
  })

  test.each([
    ['OOM command not allowed when used memory > maxmemory', 'ERR_AETHER_QUEUE_FULL', true],
    // Redis 6 puts the script before the error.
    [
      'ERR Error running script (call to f_0): @user_script: 3: -OOM command not allowed',
      'ERR_AETHER_QUEUE_FULL',
      true,
    ],
    [
      'ERR Error running script (call to f_0): @user_script:3: WRONGTYPE Operation',
      'ERR_AETHER_OPTIONS_INVALID',
      false,
    ],
    ['MISCONF Errors writing to the AOF file: No space left on device', 'ERR_AETHER_QUEUE_FULL', true],
    ['ERR invalid password', 'ERR_AETHER_TOKEN_REFUSED', false],
    ['ERR unknown command `LMOVE`, with args beginning with: ', 'ERR_AETHER_PROTOCOL_VERSION', false],
    ["ERR unknown command 'FROB', with args beginning with: ", 'ERR_AETHER_PROTOCOL_VERSION', false],
    ['Connection is closed.', 'ERR_AETHER_TRANSPORT_LOST', true],
    ['Too many Cluster redirections. Last error: Error: MOVED 1 a:1', 'ERR_AETHER_TRANSPORT_LOST', true],
    ['ERR something that nobody foresaw', 'ERR_AETHER_TRANSPORT_LOST', false],
  ])('%s', (message, code, retryable) => {
    const error = toAetherError(new Error(message))
    expect(error).toMatchObject({ code, retryable })
    expect(passes(new Error(message))).toBe(false)
    expect(error.message).toContain(message)
  })

  test('an error of core stays what it is, and what is no error becomes one', () => {
    const own = new AetherError('ERR_AETHER_LEASE_LOST', 'mine')
    expect(toAetherError(own)).toBe(own)
    expect(toAetherError('text')).toMatchObject({ code: 'ERR_AETHER_TRANSPORT_LOST' })
  })

  test('what the driver hangs on its errors stays out of them', () => {
    const thrown = Object.assign(new Error('ERR no'), { command: { name: 'auth', args: ['anna', 'geheim'] } })
    const { cause } = toAetherError(thrown)
    expect(cause).toMatchObject({ message: 'ERR no', command: 'auth' })
    expect(JSON.stringify(cause, Object.getOwnPropertyNames(cause))).not.toContain('geheim')
  })
})

describe('connections', () => {
  test.each([
    ['ENOTFOUND', 'getaddrinfo ENOTFOUND redis.example', true],
    ['ECONNREFUSED', 'connect ECONNREFUSED 127.0.0.1:6379', true],
    ['EHOSTUNREACH', 'connect EHOSTUNREACH 10.0.0.1:6379', true],
  ])('%s is tried again', (code, message, retryable) => {
    const error = connectError(Object.assign(new Error(message), { code }), 'redis.example:6379', false)
    expect(error).toMatchObject({ code: 'ERR_AETHER_CONNECT_FAILED', retryable })
    expect(error.message).toContain(message)
  })

  test.each([
    ['CERT_HAS_EXPIRED', 'certificate has expired'],
    ['ERR_TLS_CERT_ALTNAME_INVALID', "Hostname/IP does not match certificate's altnames"],
    ['ERR_SSL_WRONG_VERSION_NUMBER', 'wrong version number'],
  ])('%s is not', (code, message) => {
    const error = connectError(Object.assign(new Error(message), { code }), 'redis.example:6379', true)
    expect(error).toMatchObject({ code: 'ERR_AETHER_CONNECT_FAILED', retryable: false })
  })

  test('several addresses of one name are all mentioned', () => {
    const both = new AggregateError([
      new Error('connect ECONNREFUSED ::1:1'),
      new Error('connect ECONNREFUSED 127.0.0.1:1'),
    ])
    const { message } = connectError(both, 'localhost:1', false)
    expect(message).toContain('::1:1')
    expect(message).toContain('127.0.0.1:1')
  })
})
