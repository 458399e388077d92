import { expect, it, vi } from 'vitest'
import { FrameType, readReply, readReplyError, ReplyFrame, writeRequest } from '../../src/index.ts'
import { bytes, generationOf, started } from '../support/script-client.ts'

it('answers for a handler that throws what cannot be read', async () => {
  const { broker, client } = await started()
  const unreadable = (): never => {
    // oxlint-disable-next-line no-throw-literal -- what JavaScript allows, somebody does
    throw Object.create(null)
  }
  await client.serve('now', unreadable)
  await client.serve('later', async () => unreadable())
  broker.last.say((writer) => {
    writeRequest(writer, 1, 1_000, 0, 'now', undefined, bytes('?'))
    writeRequest(writer, 2, 1_000, 0, 'later', undefined, bytes('?'))
  })
  await vi.waitFor(() => expect(broker.last.of(FrameType.REPLY)).toHaveLength(2))
  for (const { fields } of broker.last.of(FrameType.REPLY)) {
    const reply = new ReplyFrame()
    readReply(fields, reply)
    expect(reply.failed).toBe(true)
    expect(readReplyError(fields).code).toBe('ERR_AETHER_TASK_FAILED')
  }
  expect(generationOf(client)).toBe(1)
})

it('answers for a handler whose error has a code that no frame carries', async () => {
  const { broker, client } = await started()
  await client.serve('a', async () => {
    throw Object.assign(new Error('long'), { code: `ERR_AETHER_${'X'.repeat(300)}` })
  })
  broker.last.say((writer) => writeRequest(writer, 1, 1_000, 0, 'a', undefined, bytes('?')))
  await vi.waitFor(() => expect(broker.last.of(FrameType.REPLY)).toHaveLength(1))
})
