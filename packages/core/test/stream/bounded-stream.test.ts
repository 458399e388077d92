import { describe, expect, it } from 'vitest'

import { asItIs, BoundedStream } from '../../src/stream/bounded-stream.ts'

describe('BoundedStream', () => {
  it('holds up to its limit, dropping the oldest', async () => {
    const stream = new BoundedStream<number, number>({ limit: 2, read: asItIs })
    for (const value of [1, 2, 3]) stream.push(value)
    stream.end()
    const values: number[] = []
    for await (const value of stream) values.push(value)
    expect(values).toEqual([2, 3])
  })

  it('hands a value to a reader that waits', async () => {
    const stream = new BoundedStream<number, number>({ limit: 1, read: asItIs })
    const iterator = stream[Symbol.asyncIterator]()
    const [first, second] = [iterator.next(), iterator.next()]
    stream.push(1)
    stream.push(2)
    expect([await first, await second]).toEqual([
      { done: false, value: 1 },
      { done: false, value: 2 },
    ])
  })

  it('reads lazily, and passes over what cannot be read', async () => {
    const read: number[] = []
    const stream = new BoundedStream<number, string>({
      limit: 2,
      read: (held) => {
        read.push(held)
        return held === 2 ? undefined : { value: String(held) }
      },
    })
    for (const value of [1, 2, 3]) stream.push(value)
    expect(read).toEqual([])
    const iterator = stream[Symbol.asyncIterator]()
    expect(await iterator.next()).toEqual({ done: false, value: '3' })
    const waiting = iterator.next()
    stream.push(2)
    stream.push(4)
    expect(await waiting).toEqual({ done: false, value: '4' })
    expect(read).toEqual([2, 3, 2, 4])
  })

  it('ends once: by its source, its reader or its signal, which is then let go', async () => {
    const ends: string[] = []
    const controller = new AbortController()
    const make = (name: string): BoundedStream<number, number> =>
      new BoundedStream<number, number>({
        limit: 1,
        read: asItIs,
        signal: controller.signal,
        onEnd: () => ends.push(name),
      })
    const bySource = make('source')
    bySource.end()
    bySource.end()
    const byReader = make('reader')
    byReader.push(1)
    for await (const _ of byReader) break
    byReader.push(2)
    expect(await byReader[Symbol.asyncIterator]().next()).toEqual({ done: true, value: undefined })
    const bySignal = make('signal')
    const waiting = bySignal[Symbol.asyncIterator]().next()
    controller.abort()
    expect(await waiting).toEqual({ done: true, value: undefined })
    expect(ends).toEqual(['source', 'reader', 'signal'])
    expect(await make('late')[Symbol.asyncIterator]().next()).toEqual({ done: true, value: undefined })
  })
})
