import { createBroker } from '@aether/broker'
import { expect, test } from 'vitest'
import { brokerConfig } from '../src/options.ts'

test.each([
  [{ port: -1 }, 'port'],
  [{ port: 1.5 }, 'port'],
  [{ port: '80' }, 'port'],
  [{ host: '' }, 'host'],
  [{ host: 7 }, 'host'],
  [{ name: 'x'.repeat(256) }, 'name'],
  [{ maxTopics: 1_000_001 }, 'maxTopics'],
  [{ token: 7 }, 'token'],
  [{ token: 'ü'.repeat(32_768) }, 'token'],
  [{ maxPayloadBytes: 0 }, 'maxPayloadBytes'],
  [{ maxConnections: Number.NaN }, 'maxConnections'],
  [{ heartbeatMs: 1 }, 'heartbeatMs'],
  [{ dispatch: 'best' }, 'dispatch'],
  [{ logger: console.log }, 'logger'],
  [{ limits: 7 }, 'limits'],
  [{ limits: { maxQueues: 1 } }, 'limits.maxQueues'],
  [{ limits: { maxQueued: -1 } }, 'limits.maxQueued'],
  [{ maxOutboundBytes: 65_536 }, 'maxOutboundBytes'],
  [{ ports: 1 }, 'ports'],
])('%j is refused', (options, option) => {
  expect(() => createBroker(options as never)).toThrow(
    expect.objectContaining({ code: 'ERR_AETHER_OPTIONS_INVALID', detail: { option } }),
  )
})

test('nothing at all is fine, and undefined is as good as absent', () => {
  expect(brokerConfig({ port: undefined } as never)).toEqual(brokerConfig({}))
  expect(brokerConfig({})).toMatchObject({ host: '127.0.0.1', port: 7_411, dispatch: 'most-credit' })
})

test('the caller’s object is neither kept nor changed', () => {
  const options = Object.freeze({ limits: Object.freeze({ maxQueued: 5 }) })
  const config = brokerConfig(options)
  expect(config.limits).toEqual({ maxQueued: 5 })
  expect(config.limits).not.toBe(options.limits)
})
