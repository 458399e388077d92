import { describe, expect, it, vi } from 'vitest'
import {
  channelTopic,
  createClient,
  createConsumer,
  createProvider,
  FrameType,
  writeReply,
} from '../../src/index.ts'
import { ScriptBroker } from '../support/script-broker.ts'

const channelId = 'C0FFEE00-1234-4abc-9def-0123456789ab'

describe('channels', () => {
  it('are topics of their UUIDs', () => {
    expect(channelTopic(channelId)).toBe(`channels/${channelId.toLowerCase()}`)
  })

  it.each(['', 'not-a-uuid', `${channelId}/x`, '+'])('refuse %j', (id) => {
    expect(() => channelTopic(id)).toThrow(expect.objectContaining({ code: 'ERR_AETHER_TOPIC_INVALID' }))
  })

  it('carry a request to the provider and its answer back', async () => {
    const broker = new ScriptBroker()
    const client = createClient({ dial: broker.dial })
    await client.start()
    const provider = await createProvider(client, channelId, (request) => request.payload)
    expect(broker.last.of(FrameType.SERVE)).toHaveLength(1)
    const sending = createConsumer(client, channelId).send(new Uint8Array([1]))
    await vi.waitFor(() => expect(broker.last.of(FrameType.REQUEST)).toHaveLength(1))
    const { fields } = broker.last.of(FrameType.REQUEST)[0]!
    const [correlation, , topicId] = [fields.u32(), fields.u32(), fields.u32()]
    expect([topicId, fields.str16()]).toEqual([0, channelTopic(channelId)])
    broker.last.say((writer) => writeReply(writer, correlation, undefined, new Uint8Array([2])))
    expect([...(await sending).payload]).toEqual([2])
    await provider.close()
    expect(broker.last.names(FrameType.UNSERVE)).toEqual([channelTopic(channelId)])
    await client.close()
  })
})
