import { decodeFrames, type Signal } from '@aether/core'
import { describe, expect, it } from 'vitest'
import { SignalBatches } from '../../src/relay/signal-batches.ts'

const signal: Signal = {
  kind: 'confirm',
  route: { union: 'u', job: 'j', task: 't', context: 'x' },
  tid: '1',
  workgroup: 'workers',
  attempt: 1,
}

function batches(publish?: (to: string) => Promise<unknown>): {
  readonly signals: SignalBatches
  readonly sent: [to: string, tids: (string | undefined)[]][]
} {
  const sent: [string, (string | undefined)[]][] = []
  const signals = new SignalBatches(async (to, payload) => {
    sent.push([to, decodeFrames(payload).map(({ fields }) => fields.tid)])
    await publish?.(to)
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
})
