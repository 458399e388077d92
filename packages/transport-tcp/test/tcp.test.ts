import { AetherError } from '@aether/core'
import { describe, expect, it } from 'vitest'
import { tcp, tcpCapabilities, type TcpOptions } from '../src/index.ts'

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
    const silent = (): void => undefined
    const transport = tcp({ url: 'aether://127.0.0.1:1', connectTimeoutMs: 50 })
    const host = {
      union: 'u',
      client: 'c',
      host: 'h',
      onEvent: silent,
      logger: { debug: silent, info: silent, warn: silent, error: silent },
    }
    await expect(transport.start(host)).rejects.toBeInstanceOf(AetherError)
    expect(transport.state).toMatchObject({ status: 'failed', error: { code: 'ERR_AETHER_CONNECT_FAILED' } })
    await transport.close()
  })
})
