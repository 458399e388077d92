import type { AetherEvent, CompleteEvent, EventFilter, Listener, Signal } from '@aether/core'
import { describe, expect, it } from 'vitest'
import { InteropTopics } from '../../src/interop/interop-topics.ts'

const route = { union: 'u', job: 'j', task: 't', context: 'x' }
const complete: CompleteEvent = {
  action: 'complete',
  route,
  tid: '1',
  client: 'py',
  host: 'h',
  status: 'succeed',
  attempt: 0,
  workgroup: '',
  codec: 'json',
}

interface Heard {
  readonly topics: InteropTopics
  readonly filters: string[]
  readonly signals: Signal[]
  say(event: AetherEvent): void
}

function topics(maxKinds?: number, refuses: () => boolean = () => false): Heard {
  const filters: string[] = []
  const signals: Signal[] = []
  const handlers = new Set<(event: AetherEvent) => void>()
  return {
    filters,
    signals,
    say: (event) => handlers.forEach((handler) => handler(event)),
    topics: new InteropTopics({
      listen: async ({ job = '+', task = '+', action }: EventFilter, handler): Promise<Listener> => {
        if (refuses()) throw new Error('refused')
        filters.push(`${job}/${task}/${String(action)}`)
        handlers.add(handler)
        return { close: async () => undefined }
      },
      onSignal: (signal) => signals.push(signal),
      ...(maxKinds !== undefined && { maxKinds }),
    }),
  }
}

describe('what is heard of peers without an inbox', () => {
  it('is subscribed to once for each kind of work, before its first task; after that nobody waits', async () => {
    const { topics: heard, filters } = topics()
    const first = heard.follow(route)
    expect(heard.follow({ ...route, context: 'y' })).toBe(first)
    await first
    expect(filters).toEqual(['j/t/status', 'j/t/complete', 'j/t/cancel'])
    expect(heard.follow(route)).toBeUndefined()
    await heard.serve(route)
    expect(filters.slice(3)).toEqual(['j/t/cancel'])
  })

  it('is all of it, where kinds are too many to be told apart', async () => {
    const { topics: heard, filters } = topics(2)
    for (const task of ['a', 'b', 'c', 'd', 'e']) await heard.follow({ ...route, task })
    expect(filters.slice(6)).toEqual(['+/+/status', '+/+/complete', '+/+/cancel'])
    expect(heard.follow({ ...route, task: 'f' })).toBeUndefined()
  })

  it('is asked for again where the broker refused it', async () => {
    let isRefused = true
    const { topics: heard, filters } = topics(undefined, () => isRefused)
    await expect(heard.follow(route)).rejects.toThrow('refused')
    isRefused = false
    await heard.follow(route)
    expect(filters).toHaveLength(3)
  })

  it('becomes signals without a sender; what ours say goes to inboxes and is passed over', async () => {
    const { topics: heard, signals, say } = topics()
    await heard.serve(route)
    say(complete)
    say({ ...complete, workgroup: 'workers', attempt: 0 })
    say({ ...complete, attempt: 2 })
    say({ action: 'cancel', route, tid: '2', client: 'py', host: 'h', reason: 'cancelled' })
    say({ action: 'online', route, tid: '3', client: 'py', host: 'h', body: new Uint8Array(), codec: 'json' })
    expect(signals).toMatchObject([
      { kind: 'complete', tid: '1', workgroup: '', attempt: 0, event: complete },
      { kind: 'cancel', tid: '2', error: { code: 'ERR_AETHER_TASK_CANCELLED' } },
    ])
    expect(signals.map(({ from }) => from)).toEqual([undefined, undefined])
  })
})
