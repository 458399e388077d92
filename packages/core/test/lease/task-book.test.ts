import { describe, expect, test } from 'vitest'

import { leaseSettings, type LeaseOptions } from '../../src/lease/lease-options.ts'
import type { OpenTask } from '../../src/lease/open-task.ts'
import { TaskBook } from '../../src/lease/task-book.ts'
import { TimerHeap } from '../../src/lease/timer-heap.ts'
import type { AetherEvent, CompleteEvent } from '../../src/transport.ts'
import { LossyHub } from '../support/lossy-hub.ts'
import { route, silent, taskOf } from '../support/lease-party.ts'
import { ProcessClock, SteppedClock } from '../support/stepped-clock.ts'

function desk(options: LeaseOptions = {}) {
  const stepped = new SteppedClock()
  const clock = new ProcessClock(stepped)
  const hub = new LossyHub(stepped)
  const relay = hub.relay('caller')
  relay.state = { status: 'ready', generation: 1 }
  hub.relay('follower').state = relay.state
  const events: AetherEvent[] = []
  const host = {
    union: 'u',
    client: 'c',
    host: 'h',
    logger: silent,
    onEvent: (event: AetherEvent) => events.push(event),
  }
  const settings = leaseSettings({ ...options, clock })
  const book = new TaskBook({ relay, host, settings, timers: new TimerHeap(clock) })
  return { book, clock: stepped, events, hub }
}

function completeOf({ task: { tid } }: OpenTask): CompleteEvent {
  const base = {
    route,
    tid,
    client: 'w',
    host: 'h',
    attempt: 1,
    workgroup: 'workers',
    codec: 'json',
  } as const
  return { ...base, action: 'complete', status: 'succeed' }
}

function end(book: TaskBook, open: OpenTask): void {
  open.named.status = 'ended'
  book.end(open, completeOf(open), undefined)
  book.forgetWhenDone(open, 100)
}

describe('open tasks', () => {
  test('are so many at a time; what ended or was dropped makes room', () => {
    const { book } = desk({ maxOpen: 2 })
    const first = book.add('u/1', taskOf('1'))
    const second = book.add('u/2', taskOf('2'))
    const full = expect.objectContaining({ code: 'ERR_AETHER_QUEUE_FULL', retryable: true })
    expect(() => book.add('u/3', taskOf('3'))).toThrow(full)
    end(book, first)
    book.drop(second)
    book.add('u/3', taskOf('3'))
    book.add('u/4', taskOf('4'))
    expect(() => book.add('u/5', taskOf('5'))).toThrow(full)
    expect(book.get('u/2')).toBeUndefined()
  })

  test('stay for a moment after their end, in which observers may speak; where too many do, they go at once', async () => {
    const { book, clock } = desk({ maxResults: 1 })
    end(book, book.add('u/1', taskOf('1')))
    end(book, book.add('u/2', taskOf('2')))
    expect([book.get('u/1') !== undefined, book.get('u/2') !== undefined]).toEqual([true, false])
    await clock.advance(99)
    expect(book.size).toBe(1)
    await clock.advance(1)
    expect(book.size).toBe(0)
    expect(book.joins('u/1')).toBe(false)
    expect(book.joins('u/2')).toBe(true)
  })
})

test('a task has so many followers, who hear its news; one more is told that it is unknown', async () => {
  const { book, clock, events, hub } = desk({ maxWatchers: 1 })
  const open = book.add('u/1', taskOf('1'))
  expect(book.watch('u', '1', 'inbox-follower')?.remainingMs).toBeGreaterThan(0)
  expect(book.watch('u', '1', 'inbox-other')).toBeUndefined()
  expect(book.watch('u', '1', 'inbox-follower')).toBeDefined()
  end(book, open)
  await clock.advance(1)
  expect(hub.sent.map(({ to, signal }) => [to, signal?.kind])).toEqual([['inbox-follower', 'settled']])
  expect(events).toHaveLength(1)
  expect(book.watch('u', '1', 'inbox-other')).toMatchObject({ complete: { tid: '1' }, remainingMs: 0 })
})

test('of dead letters the newest are kept', () => {
  const { book } = desk({ maxDeadLetters: 2 })
  for (const tid of ['1', '2', '3']) book.bury(book.add(`u/${tid}`, taskOf(tid)).named, 'rejected', undefined)
  expect(book.deadLetters.map(({ task }) => task.tid)).toEqual(['2', '3'])
})
