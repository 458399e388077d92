import { expect, it } from 'vitest'

import { createSeededRandom, killWorkers } from '../../src/index.ts'
import type { WorkerHandle, WorkerPool } from '../../src/index.ts'

/** A pool of workers that start slowly: none takes the place of one that is killed. */
function poolOf(size: number): WorkerPool {
  const running = new Map<string, WorkerHandle>()
  for (const name of Array.from({ length: size }, (_none, index) => `w${String(index)}`))
    running.set(name, { name, kill: async () => void running.delete(name) } as unknown as WorkerHandle)
  return {
    get workers() {
      return [...running.values()]
    },
    pick: (random) => (running.size === 0 ? undefined : random.pick([...running.values()])),
    close: async () => undefined,
  }
}

it('kills one worker after the other, but not the last: where others start slowly nobody would ever live long enough for a task', async () => {
  const pool = poolOf(3)
  const kill = killWorkers(pool)
  const random = createSeededRandom(1)
  const targets = []
  for (let strike = 0; strike < 5; strike++) targets.push((await kill.strike(random))?.target)
  expect(new Set(targets.slice(0, 2)).size).toBe(2)
  expect(targets.slice(2)).toEqual([undefined, undefined, undefined])
  expect(pool.workers).toHaveLength(1)
})
