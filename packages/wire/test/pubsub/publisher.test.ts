import { expect, it, vi } from 'vitest'
import { FrameType } from '../../src/index.ts'
import { bytes, generationOf, rejection, started } from '../support/script-client.ts'

const later = (): Promise<string> => new Promise((resolve) => setTimeout(() => resolve('waits'), 30))

it('sends what was held, though nothing else is said on the next connection', async () => {
  const { broker, client } = await started()
  broker.refusal = new Error('gone')
  broker.last.lose()
  await vi.waitFor(() => expect(client.state.status).toBe('reconnecting'))
  client.publish('a', bytes('x'))
  broker.refusal = undefined
  await vi.waitFor(() => expect(generationOf(client)).toBe(2))
  await vi.waitFor(() => expect(broker.last.of(FrameType.PUBLISH_NAMED)).toHaveLength(1))
})

it('has no room while there is no connection and much is held, and has it again after the next one', async () => {
  const { broker, client } = await started({}, { highWaterBytes: 1_024, connectTimeoutMs: 5_000 })
  broker.refusal = new Error('gone')
  broker.last.lose()
  await vi.waitFor(() => expect(client.state.status).toBe('reconnecting'))
  expect(client.publish('a', new Uint8Array(500))).toBe(true)
  await client.drained()
  expect(client.publish('a', new Uint8Array(600))).toBe(false)
  const drained = client.drained().then(() => generationOf(client))
  expect(await Promise.race([drained, later()])).toBe('waits')
  broker.refusal = undefined
  expect(await drained).toBe(2)
  await vi.waitFor(() => expect(broker.last.of(FrameType.PUBLISH_NAMED)).toHaveLength(2))
})

it('says in time that there is no connection for what is held', async () => {
  const { broker, client } = await started({}, { highWaterBytes: 1_024, connectTimeoutMs: 50 })
  broker.refusal = new Error('gone')
  broker.last.lose()
  await vi.waitFor(() => expect(client.state.status).toBe('reconnecting'))
  expect(client.publish('a', new Uint8Array(1_100))).toBe(false)
  expect((await rejection(client.drained())).code).toBe('ERR_AETHER_CONNECT_TIMEOUT')
})

it('has room again once a stream that takes everything has taken it', async () => {
  const { client } = await started({}, { highWaterBytes: 1_024 })
  client.publish('a', bytes('x'.repeat(4_000)))
  await client.drained()
})
