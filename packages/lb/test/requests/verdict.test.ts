import { createServer } from 'node:net'
import { describe, expect, it } from 'vitest'
import { isUnsent, judgeStatus } from '../../src/requests/verdict.ts'

describe('a status', () => {
  it.each([
    [200, 'ok'],
    [404, 'ok'],
    [429, 'ok'],
    [500, 'failed'],
    [501, 'ok'],
    [502, 'failed-retry'],
    [503, 'failed-retry'],
    [504, 'failed-retry'],
    [505, 'ok'],
    [507, 'failed'],
    ['503', 'ok'],
    [undefined, 'ok'],
    [Number.NaN, 'ok'],
  ])('of %s is judged %s', (status, verdict) => {
    expect(judgeStatus({ status })).toBe(verdict)
    expect(judgeStatus({ statusCode: status })).toBe(verdict)
  })

  it('that is missing says nothing', () => {
    for (const value of [undefined, null, 503, 'text', [], {}]) expect(judgeStatus(value)).toBe('ok')
  })
})

describe('whether anything was sent', () => {
  const error = (fields: object): Error => Object.assign(new Error('x'), fields)
  /** One address of several of a host, as the runtime gathers them. */
  const noRoute = (address: string): Error => error({ code: 'ETIMEDOUT', syscall: 'connect', address })

  it.each<[boolean, unknown]>([
    [true, error({ code: 'ECONNREFUSED' })],
    [true, error({ code: 'ETIMEDOUT', syscall: 'connect' })],
    [true, error({ code: 'EAI_FAIL', syscall: 'getaddrinfo' })],
    [true, error({ sent: false })],
    [true, new Error('x', { cause: new Error('y', { cause: error({ code: 'UND_ERR_CONNECT_TIMEOUT' }) }) })],
    [true, error({ code: 'ETIMEDOUT', errors: [noRoute('10.0.0.1'), noRoute('::1')] })],
    [true, new TypeError('x', { cause: error({ errors: [noRoute('10.0.0.1')] }) })],
    [false, error({ errors: [noRoute('10.0.0.1'), error({ code: 'ECONNRESET', syscall: 'read' })] })],
    [false, error({ code: 'ETIMEDOUT', errors: [] })],
    [false, error({ code: 'ECONNRESET', syscall: 'read' })],
    [false, error({ code: 'EPIPE', syscall: 'write' })],
    [false, error({ sent: true, cause: error({ code: 'ECONNREFUSED' }) })],
    [false, new Error('x')],
    [false, undefined],
    [false, 'ECONNREFUSED'],
  ])('%s: %o', (expected, given) => expect(isUnsent(given)).toBe(expected))

  it('does not go round in circles', () => {
    const round = error({})
    round.cause = round
    expect(isUnsent(round)).toBe(false)
  })

  it('is known of what `fetch` throws at a port where nobody listens, and not of one that hangs up', async () => {
    const closed = createServer((socket) => socket.once('data', () => socket.destroy())).listen(
      0,
      '127.0.0.1',
    )
    await new Promise((resolve) => closed.once('listening', resolve))
    const { port } = closed.address() as { port: number }
    const thrown = (): Promise<unknown> =>
      fetch(`http://127.0.0.1:${port}/`).catch((reason: unknown) => reason)
    expect(isUnsent(await thrown())).toBe(false)
    await new Promise((resolve) => closed.close(resolve))
    expect(isUnsent(await thrown())).toBe(true)
  })
})
