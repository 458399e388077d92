import { Codec, Outcome } from '@aether/wire'
import { connect } from '@aether/wire/tcp'
import { describe, expect, test } from 'vitest'
import { brokers, until } from './running-broker.ts'
import { failWith, succeed, TaskClient } from './task-client.ts'

const { start, client } = brokers()

/** A session that accepts less than the broker does. */
async function small(broker: Awaited<ReturnType<typeof start>>) {
  const session = await connect(broker.url, { maxFrameBytes: 70_000 })
  return { session, tasks: new TaskClient(session) }
}

describe('a client that accepts shorter frames than its broker', () => {
  test('is told so when it would consume, rather than lose its connection to the first long task', async () => {
    const broker = await start()
    const { session, tasks } = await small(broker)
    await expect(tasks.hold()).rejects.toMatchObject({
      code: 'ERR_AETHER_OPTIONS_INVALID',
      message: expect.stringContaining('raise its maxFrameBytes'),
    })
    expect(session.state).toMatchObject({ status: 'ready', generation: 1 })
    expect(broker.stats().tasks).toMatchObject({ consumers: 0 })
    await session.close()
  })

  test('misses progress that is too long, and learns of a result that is', async () => {
    const broker = await start()
    const worker = new TaskClient(await client(broker))
    const leases = await worker.hold()
    const { session, tasks } = await small(broker)
    const run = await tasks.send({ tid: 'long' })
    await until(() => leases.length === 1)
    const status = { status: 1 as const, progress: 1, seq: 1, codec: Codec.raw, headers: undefined }
    await leases[0]!.report({ ...status, body: Buffer.alloc(70_000, 'x') })
    await leases[0]!.report({ ...status, body: Buffer.from('short') })
    await succeed(leases[0]!, 'x'.repeat(70_000))
    const ending = await run.ending
    expect(ending).toMatchObject({ outcome: Outcome.failed, body: '', code: 'ERR_AETHER_PAYLOAD_TOO_LARGE' })
    expect(ending.message).toContain('ended as succeed')
    expect(run.statuses).toEqual(['1 1 short'])
    expect(broker.stats()).toMatchObject({ dropped: 1, broken: 0, tasks: { succeeded: 1, open: 0 } })
    // One that accepts more gets it.
    const other = await (await new TaskClient(await client(broker)).attach('long')).ending
    expect(other).toMatchObject({ outcome: Outcome.succeed })
    expect(other.body).toHaveLength(70_000)
    expect(session.state).toMatchObject({ generation: 1 })
    await session.close()
  })

  test.each([
    [70_000 - 14, Outcome.succeed],
    [70_000 - 13, Outcome.failed],
  ])('gets a result of %i bytes as outcome %i', async (size, outcome) => {
    // 11 bytes of fields with the type, and 3 of the block: codec and headers.
    const broker = await start()
    await new TaskClient(await client(broker)).consume((lease) => void succeed(lease, 'x'.repeat(size)))
    const { session, tasks } = await small(broker)
    expect(await (await tasks.send()).ending).toMatchObject({ outcome })
    expect(session.state).toMatchObject({ generation: 1 })
    await session.close()
  })
})

describe('an end with headers as long as can be', () => {
  // Around the length at which a COMPLETE no longer fits a frame.
  test.each(Array.from({ length: 24 }, (_, step) => 65_300 + step * 10))(
    'with %i bytes of them it arrives whole, or the lease is as it was and the task can still be failed',
    async (size) => {
      const broker = await start()
      const [caller, worker] = [new TaskClient(await client(broker)), new TaskClient(await client(broker))]
      const leases = await worker.hold()
      const run = await caller.send({ attempts: 1 })
      await until(() => leases.length === 1)
      const complete = { codec: Codec.raw, headers: { x: 'y'.repeat(size) }, body: new Uint8Array(1_048_576) }
      const refused: unknown = await leases[0]!.ack(Outcome.succeed, complete, false).catch((error) => error)
      if (refused === undefined) {
        expect(await run.ending).toMatchObject({ outcome: Outcome.succeed })
        return
      }
      expect(refused).toMatchObject({ code: 'ERR_AETHER_PAYLOAD_TOO_LARGE' })
      await leases[0]!.renew()
      await failWith(leases[0]!, 'the result is too long')
      expect(await run.ending).toMatchObject({ outcome: Outcome.failed, message: 'the result is too long' })
    },
  )
})
