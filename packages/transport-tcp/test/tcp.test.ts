import { createBroker } from '@aether/broker'
import { AetherError } from '@aether/core'
import { describe, expect, it } from 'vitest'
import { tcp, tcpCapabilities, type TcpOptions } from '../src/index.ts'

const silent = (): void => undefined
const host = {
  union: 'u',
  client: 'c',
  host: 'h',
  onEvent: silent,
  logger: { debug: silent, info: silent, warn: silent, error: silent },
}

describe('tcp', () => {
  it('declares its capabilities, with its own payload limit', () => {
    const transport = tcp({ url: 'aether://127.0.0.1:1', maxPayloadBytes: 1_000 })
    expect(transport.capabilities).toEqual({ ...tcpCapabilities, maxPayloadBytes: 1_000 })
    expect(transport.state).toEqual({ status: 'idle' })
  })

  it.each([
    [undefined],
    ['aether://127.0.0.1:1'],
    [{}],
    [{ url: 'http://x' }],
    [{ url: 7 }],
    [{ url: 'aether://x', maxPayloadBytes: 0 }],
    [{ url: 'aether://x', maxPayloadBytes: '1' }],
    [{ url: 'aether://x', connectTimeoutMs: -1 }],
    [{ url: 'aether://x', backoff: { maxMs: 0 } }],
    [{ url: 'aether://x', colour: 'red' }],
  ])('refuses %j', (options) => {
    const refused = (): unknown => tcp(options as unknown as TcpOptions)
    expect(refused).toThrow(AetherError)
    expect(refused).toThrow(expect.objectContaining({ code: 'ERR_AETHER_OPTIONS_INVALID' }))
  })

  it('fails to start where nobody listens, with an error of core', async () => {
    const transport = tcp({ url: 'aether://127.0.0.1:1', connectTimeoutMs: 500 })
    await expect(transport.start(host)).rejects.toBeInstanceOf(AetherError)
    expect(transport.state).toMatchObject({ status: 'failed', error: { code: 'ERR_AETHER_CONNECT_FAILED' } })
    await transport.close()
  })

  it('says its token to a broker that asks for one, and fails at once with another', async () => {
    await using broker = createBroker({ port: 0, token: 'secret' })
    await broker.start()
    const right = tcp({ url: broker.url, token: 'secret' })
    await right.start(host)
    await right.close()
    const wrong = tcp({ url: broker.url, token: 'old' })
    await expect(wrong.start(host)).rejects.toMatchObject({ code: 'ERR_AETHER_TOKEN_REFUSED' })
    expect(wrong.state).toMatchObject({ status: 'failed', error: { code: 'ERR_AETHER_TOKEN_REFUSED' } })
    await wrong.close()
  })

  it('tells with an error of core that there was no connection for what much is held of', async () => {
    const broker = createBroker({ port: 0 })
    await broker.start()
    const transport = tcp({ url: broker.url, connectTimeoutMs: 200 })
    await transport.start(host)
    await broker.close()
    const event = {
      action: 'online',
      route: { union: 'u', job: 'j', task: 't', context: 'x' },
      tid: 'w',
      client: 'c',
      host: 'h',
      codec: 'raw',
      body: new Uint8Array(700_000),
    } as const
    await expect
      .poll(() => transport.state, { timeout: 10_000 })
      .toMatchObject({ status: 'reconnecting', error: { code: 'ERR_AETHER_CONNECT_FAILED' } })
    await transport.publish(event)
    const publishing = transport.publish(event)
    await expect(publishing).rejects.toBeInstanceOf(AetherError)
    await expect(publishing).rejects.toMatchObject({
      code: 'ERR_AETHER_CONNECT_TIMEOUT',
      message: expect.stringContaining('ECONNREFUSED'),
    })
    await transport.close()
  })

  it('tells a worker that carries less than its broker', async () => {
    await using broker = createBroker({ port: 0, maxPayloadBytes: 4_194_304 })
    await broker.start()
    const route = { union: 'u', job: 'j', task: 't', context: 'x' }
    const consume = { workgroup: 'workers', credit: 1, leaseMs: 1_000 }
    const short = tcp({ url: broker.url })
    await short.start(host)
    await expect(short.consume(route, consume, silent)).rejects.toMatchObject({
      code: 'ERR_AETHER_OPTIONS_INVALID',
      message: expect.stringContaining('maxPayloadBytes'),
    })
    const long = tcp({ url: broker.url, maxPayloadBytes: 4_194_304 })
    await long.start(host)
    await long.consume(route, consume, silent)
    await Promise.all([short.close(), long.close()])
  })
})
