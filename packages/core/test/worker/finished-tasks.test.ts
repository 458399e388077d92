import { describe, expect, it } from 'vitest'

import type { CompleteEvent } from '../../src/transport.ts'
import { FinishedTasks } from '../../src/worker/finished-tasks.ts'

function complete(tid: string, bytes: number): CompleteEvent {
  return {
    action: 'complete',
    status: 'succeed',
    route: { union: 'u', job: 'j', task: 't', context: 'x' },
    tid,
    attempt: 1,
    workgroup: 'workers',
    client: 'c',
    host: 'h',
    codec: 'raw',
    body: new Uint8Array(bytes),
  }
}

describe('FinishedTasks', () => {
  it('forgets the least recently used beyond its number', () => {
    const finished = new FinishedTasks({ maxTasks: 2 })
    finished.add(complete('a', 1))
    finished.add(complete('b', 1))
    finished.get('a')
    finished.add(complete('c', 1))
    expect(['a', 'b', 'c'].map((tid) => finished.get(tid)?.tid)).toEqual(['a', undefined, 'c'])
    expect(finished.size).toBe(2)
  })

  it('forgets beyond its bytes, and keeps nothing that would push out all the rest', () => {
    const finished = new FinishedTasks({ maxTasks: 100, maxBytes: 10_000 })
    for (const tid of ['a', 'b', 'c', 'd', 'e', 'f']) finished.add(complete(tid, 2_000))
    expect(finished.size).toBe(4)
    finished.add(complete('huge', 5_000))
    expect(finished.get('huge')).toBeUndefined()
    expect(finished.size).toBe(4)
  })
})
