import { AetherError, decodeFrames, type Signal } from '@aether/core'
import { describe, expect, it } from 'vitest'
import { SignalBatches } from '../../src/relay/signal-batches.ts'

const signal: Signal = {
  kind: 'confirm',
  route: { union: 'u', job: 'j', task: 't', context: 'x' },
  tid: '1',
  workgroup: 'workers',
  attempt: 1,
}

function batches(
  publish?: (to: string) => Promise<unknown>,
  maxPacketBytes?: number,
): {
  readonly signals: SignalBatches
  readonly sent: [to: string, tids: (string | undefined)[]][]
} {
  const sent: [string, (string | undefined)[]][] = []
  const signals = new SignalBatches({
    publish: async (to, payload) => {
      sent.push([to, decodeFrames(payload).map(({ fields }) => fields.tid)])
      await publish?.(to)
    },
    ...(maxPacketBytes !== undefined && { maxPacketBytes: () => maxPacketBytes }),
  })
  return { signals, sent }
}

describe('signals', () => {
  it('of one turn to one inbox are one message, in their order', async () => {
    const { signals, sent } = batches()
    const said = [
      signals.add('a', { ...signal, tid: '1' }),
      signals.add('b', { ...signal, tid: '2' }),
      Promise.resolve().then(() => signals.add('a', { ...signal, tid: '3' })),
    ]
    expect(sent).toEqual([])
    await Promise.all(said)
    expect(sent).toEqual([
      ['a', ['1', '3']],
      ['b', ['2']],
    ])
    await signals.add('a', { ...signal, tid: '4' })
    expect(sent).toHaveLength(3)
  })

  it('fail together, and only with those of their message', async () => {
    const { signals } = batches(async (to) => {
      if (to === 'gone') throw new Error('nobody')
    })
    const said = ['gone', 'here', 'gone'].map((to) => signals.add(to, signal))
    expect((await Promise.allSettled(said)).map(({ status }) => status)).toEqual([
      'rejected',
      'fulfilled',
      'rejected',
    ])
  })

  it('go out before their turn is over where they are many, or told to', () => {
    const { signals, sent } = batches()
    for (let n = 0; n < 600; n += 1) void signals.add('a', signal)
    expect(sent.map(([, tids]) => tids.length)).toEqual([512])
    signals.flush()
    expect(sent.map(([, tids]) => tids.length)).toEqual([512, 88])
  })

  it('are as many messages as the broker needs them to be', async () => {
    const { signals, sent } = batches(undefined, 3_000)
    const tids = Array.from({ length: 100 }, (_, n) => `${n}`)
    await Promise.all(tids.map((tid) => signals.add('a', { ...signal, tid })))
    expect(sent.length).toBeGreaterThan(3)
    expect(sent.flatMap(([, some]) => some)).toEqual(tids)
  })

  it('with a long body travel alone, after what was said before, and are refused alone', async () => {
    const { signals, sent } = batches()
    const event = { ...signal, client: 'c', host: 'h', codec: 'raw', seq: 1, progress: 1 } as const
    const status = { ...event, action: 'status', status: 'progress', body: new Uint8Array(5_000) } as const
    const said = [
      signals.add('a', { ...signal, tid: '1' }),
      signals.add('a', { ...signal, kind: 'status', tid: '2', event: status }),
      signals.add('a', { ...signal, tid: '3' }),
    ]
    await Promise.all(said)
    expect(sent).toEqual([
      ['a', ['1']],
      ['a', ['2']],
      ['a', ['3']],
    ])
  })

  it('that only together were too long are to be said again', async () => {
    const { signals } = batches(async () => {
      throw new AetherError('ERR_AETHER_PAYLOAD_TOO_LARGE', 'too long')
    })
    const codeOf = (said: Promise<void>): Promise<unknown> => said.catch(({ code }: AetherError) => code)
    const together = [signals.add('a', signal), signals.add('a', signal)].map(codeOf)
    const alone = codeOf(signals.add('b', signal))
    const lost = 'ERR_AETHER_TRANSPORT_LOST'
    expect(await Promise.all([...together, alone])).toEqual([lost, lost, 'ERR_AETHER_PAYLOAD_TOO_LARGE'])
  })
})
