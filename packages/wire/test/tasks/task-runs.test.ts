import { describe, expect, it, vi } from 'vitest'
import { FrameType, writeConfirm, writeRefuse } from '../../src/index.ts'
import { ScriptBroker } from '../support/script-broker.ts'
import { made, quiet, rejection, started, task } from '../support/script-client.ts'

describe('cancel', () => {
  it('is said again where its answer was lost with the connection', async () => {
    const script = { confirm: true }
    const { broker, client } = await started(script)
    const tasks = client.tasks<string>(quiet)
    await tasks.send(task('1'), '')
    script.confirm = false
    const cancelling = tasks.cancel('u/j/t/x', '1', 'user')
    await vi.waitFor(() => expect(broker.last.of(FrameType.CANCEL)).toHaveLength(1))
    broker.last.lose()
    await vi.waitFor(() => expect(broker.connections).toHaveLength(2))
    await vi.waitFor(() => expect(broker.last.of(FrameType.CANCEL)).toHaveLength(1))
    // Its SEND, said again, is the first.
    broker.last.say((writer) => writeConfirm(writer, 2))
    await cancelling
  })

  it('is refused where there is nothing to cancel', async () => {
    const { broker, client } = await started({ confirm: false })
    const cancelling = client.tasks<string>(quiet).cancel('u/j/t/x', '1', 'user')
    await vi.waitFor(() => expect(broker.last.of(FrameType.CANCEL)).toHaveLength(1))
    broker.last.say((writer) => {
      writeRefuse(writer, 1, 'ERR_AETHER_TASK_UNKNOWN', 'not known')
      writeConfirm(writer, 1)
    })
    expect((await rejection(cancelling)).code).toBe('ERR_AETHER_TASK_UNKNOWN')
  })
})

describe('a run', () => {
  it('is not over because the clock of the machine was set', async () => {
    const { broker, client } = await started()
    const over: string[] = []
    const tasks = client.tasks<string>({
      ...quiet,
      onComplete: (tid) => over.push(tid),
      onLost: (tid) => over.push(tid),
    })
    await tasks.send(task('1'), '1')
    const clock = vi
      .spyOn(Date, 'now')
      .mockImplementation(() => performance.timeOrigin + performance.now() + 3_600_000)
    try {
      broker.last.lose()
      await vi.waitFor(() => expect(broker.connections).toHaveLength(2))
      await vi.waitFor(() => expect(broker.last.of(FrameType.SEND)).toHaveLength(1))
    } finally {
      clock.mockRestore()
    }
    expect(over).toEqual([])
  })

  it('that the next broker would not take is told so, and the others go on', async () => {
    const script = { maxFrameBytes: 1_114_112 }
    const broker = new ScriptBroker(script)
    const client = made(broker)
    await client.start()
    const lost: string[] = []
    const tasks = client.tasks<string>({
      ...quiet,
      onLost: (tid, error) => lost.push(`${tid} ${error.code}`),
    })
    await tasks.send(task('large', { body: new Uint8Array(5_000) }), 'large')
    await tasks.send(task('small'), 'small')
    script.maxFrameBytes = 65_536 + 1_000
    broker.last.lose()
    await vi.waitFor(() => expect(broker.connections).toHaveLength(2))
    await vi.waitFor(() => expect(broker.last.of(FrameType.SEND)).toHaveLength(1))
    expect(lost).toEqual(['large ERR_AETHER_PAYLOAD_TOO_LARGE'])
  })
})
