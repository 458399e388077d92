import type { EventFilter, PresenceEvent, StatusEvent } from '@aether/core'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { PresenceBoard, willOf } from '../../src/relay/presence-board.ts'

const route = { union: 'u', job: 'j', task: 't', context: 'x' }
const body = new TextEncoder().encode('{}')
const online: PresenceEvent = {
  action: 'online',
  route,
  tid: 'w1',
  client: 'app',
  host: 'h',
  body,
  codec: 'json',
}
const status: StatusEvent = {
  action: 'status',
  route,
  tid: '1',
  client: 'w1',
  host: 'h',
  status: 'progress',
  progress: 1,
  seq: 1,
  attempt: 1,
  workgroup: 'workers',
  codec: 'json',
}

function board(listens: EventFilter[] = []): {
  readonly board: PresenceBoard
  readonly pages: (Record<string, unknown> | undefined)[]
  readonly dismissed: string[]
  readonly ignored: unknown[]
  readonly served: string[]
} {
  const pages: (Record<string, unknown> | undefined)[] = []
  const dismissed: string[] = []
  const ignored: unknown[] = []
  const served: string[] = []
  const made = new PresenceBoard(
    {
      clientId: 'me',
      union: 'u',
      client: 'app',
      host: 'h',
      publish: async (page) => {
        pages.push(page.length === 0 ? undefined : (JSON.parse(page.toString()) as Record<string, unknown>))
      },
      onDismiss: ({ tid }) => dismissed.push(tid),
      onServed: ({ job, context }, workgroup) => served.push(`${job} ${context} ${workgroup}`),
      onIgnored: (error) => ignored.push(error),
    },
    () => listens,
  )
  return { board: made, pages, dismissed, ignored, served }
}

function page(parts: object): Buffer {
  return Buffer.from(JSON.stringify({ status: 'online', client: 'other', host: 'h', ...parts }))
}

const worker = { route: 'u/j/t/x', tid: 'w2', client: 'other', host: 'h' }

describe('the entries of a page', () => {
  it('are bounded: what claims more is none of ours', () => {
    const { board: mine, ignored, served } = board()
    const serves = Array.from({ length: 4_097 }, (_, n) => ({ route: 'u/j/t/x', workgroup: `group-${n}` }))
    mine.hear('foreign', page({ serves }))
    expect(served).toEqual([])
    expect(ignored).toHaveLength(1)
    mine.hear('other', page({ serves: serves.slice(1) }))
    expect(mine.isServed(route, 'group-4096')).toBe(true)
    expect(ignored).toHaveLength(1)
  })

  it('are never more than others read', async () => {
    const listens = Array.from({ length: 4_097 }, (_, n) => ({ tid: `${n}` }))
    const { board: mine, pages } = board(listens)
    for (let n = 0; n < 4_097; n++) mine.announced({ ...online, tid: `worker-${n}` })
    const leave = mine.serve(route, 'workers')
    for (let n = 1; n < 4_096; n++) mine.serve(route, 'workers')
    expect(() => mine.serve(route, 'workers')).toThrow(
      expect.objectContaining({ code: 'ERR_AETHER_QUEUE_FULL', detail: { limit: 4_096 } }),
    )
    leave()
    mine.serve(route, 'workers')
    await mine.write()
    expect(pages[0]?.['workers']).toHaveLength(4_096)
    expect(pages[0]?.['serves']).toHaveLength(4_096)
    expect(pages[0]?.['listens']).toEqual([{}])
    const { board: other, ignored } = board()
    other.hear('me too', Buffer.from(JSON.stringify(pages[0])))
    expect(ignored).toEqual([])
    expect(other.isHeard(status)).toBe(true)
  })
})

describe('the page of this instance', () => {
  it('tells its workers, what it serves and what it listens for, once a turn', async () => {
    const listens = [{ action: 'status' as const }]
    const { board: mine, pages } = board(listens)
    mine.announced(online)
    mine.announced({ ...online, action: 'idle' })
    const leave = mine.serve(route, 'workers')
    await mine.write()
    const { tid, client, host } = online
    expect(pages).toEqual([
      {
        status: 'online',
        client: 'app',
        host: 'h',
        workers: [{ route: 'u/j/t/x', tid, client, host }],
        serves: [{ route: 'u/j/t/x', workgroup: 'workers' }],
        listens,
      },
    ])
    mine.announced({ ...online, action: 'dismiss' })
    leave()
    listens.pop()
    await mine.write()
    expect(pages[1]).toBeUndefined()
    await mine.write()
    expect(pages).toHaveLength(2)
  })

  it('is shown again over a new connection, and taken away at the end', async () => {
    const { board: mine, pages } = board()
    mine.connected()
    await mine.write()
    expect(pages).toEqual([])
    mine.announced(online)
    await mine.write()
    mine.connected()
    await mine.write()
    expect(pages).toHaveLength(2)
    await mine.close()
    expect(pages.at(-1)).toBeUndefined()
    mine.announced({ ...online, tid: 'late' })
    await mine.write()
    expect(pages).toHaveLength(3)
  })
})

describe('the pages of others', () => {
  beforeEach(() => vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }))
  afterEach(() => vi.useRealTimers())

  it('tell whether anybody listens', () => {
    const { board: mine } = board()
    expect(mine.isHeard(status)).toBe(false)
    mine.hear('other', page({ listens: [{ job: 'j', action: 'status' }] }))
    expect(mine.isHeard(status)).toBe(true)
    expect(mine.isHeard({ ...status, route: { ...route, job: 'k' } })).toBe(false)
    // Of other unions nothing is known.
    expect(mine.isHeard({ ...status, route: { ...route, union: 'v' } })).toBe(true)
    mine.hear('other', page({ listens: [] }))
    expect(mine.isHeard(status)).toBe(false)
    expect(board([{ tid: '1' }]).board.isHeard(status)).toBe(true)
  })

  it('tell whether anybody serves', () => {
    const { board: mine } = board()
    mine.hear('other', page({ serves: [{ route: 'u/j/+/+', workgroup: 'workers' }] }))
    expect(mine.isServed(route, 'workers')).toBe(true)
    expect(mine.isServed(route, 'audit')).toBe(false)
    expect(mine.isServed({ ...route, job: 'k' }, 'workers')).toBe(false)
    expect(mine.isServed({ ...route, union: 'v' }, 'workers')).toBe(false)
  })

  it('tell as soon as somebody new serves', () => {
    const { board: mine, served } = board()
    mine.serve(route, 'own')
    const first = { route: 'u/j/t/+', workgroup: 'workers' }
    mine.hear('other', page({ serves: [first] }))
    mine.hear('other', page({ serves: [first, { route: 'u/k/t/x', workgroup: 'audit' }] }))
    mine.hear('other', Buffer.alloc(0))
    mine.hear('other', page({ serves: [first] }))
    expect(served).toEqual(['j x own', 'j + workers', 'k x audit', 'j + workers'])
  })

  it.each([
    ['its will', willOf({ client: 'other', host: 'h' })],
    ['nothing', Buffer.alloc(0)],
  ])('with %s in their place see off the workers, once', (_what, end) => {
    const { board: mine, dismissed } = board()
    mine.hear('other', page({ workers: [worker] }))
    mine.hear('third', page({ workers: [{ ...worker, tid: 'w3' }] }))
    mine.hear('other', end)
    mine.hear('other', end)
    expect(dismissed).toEqual(['w2'])
  })

  it('that do not come again over a new connection are of clients that are gone', () => {
    const { board: mine, dismissed } = board()
    mine.connected()
    mine.hear('other', page({ workers: [worker] }))
    mine.hear('third', page({ workers: [{ ...worker, tid: 'w3' }] }))
    mine.connected()
    mine.hear('third', page({ workers: [{ ...worker, tid: 'w3' }] }))
    vi.advanceTimersByTime(4_000)
    expect(dismissed).toEqual([])
    vi.advanceTimersByTime(2_000)
    expect(dismissed).toEqual(['w2'])
    mine.dispose()
    expect(vi.getTimerCount()).toBe(0)
  })

  it('that are none are ignored and counted; what is wrong in one is left out', () => {
    const { board: mine, dismissed, ignored } = board()
    for (const wrong of ['text', '7', '[]', '{"workers":7}', '{"status":"online","listens":{}}', '\u00ff'])
      mine.hear('other', Buffer.from(wrong, 'latin1'))
    expect(ignored).toHaveLength(6)
    const strange = [7, null, {}, { ...worker, tid: 'a/b' }, { ...worker, route: 'v/j/t/x' }]
    mine.hear('other', page({ workers: [...strange, worker], listens: [7, { job: 7 }], serves: [7, {}] }))
    expect(mine.isHeard(status)).toBe(false)
    expect(mine.isServed(route, 'workers')).toBe(false)
    mine.hear('other', Buffer.alloc(0))
    expect(dismissed).toEqual(['w2'])
  })

  it('of this instance are not read back', () => {
    const { board: mine } = board()
    mine.hear('me', page({ listens: [{}] }))
    expect(mine.isHeard(status)).toBe(false)
  })
})
