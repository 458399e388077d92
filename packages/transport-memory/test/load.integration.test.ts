import { createAether, defineTask } from '@aether/core'
import { until } from '@aether/testing'
import { expect, it, onTestFinished } from 'vitest'

import { createMemoryHub } from '../src/index.ts'

const square = defineTask({ job: 'load', task: 'square' })

it('10 000 runs at once under one signal all end once, while a worker drains in their midst', async () => {
  const warnings: string[] = []
  const note = ({ name }: Error): void => void warnings.push(name)
  process.on('warning', note)
  onTestFinished(() => void process.off('warning', note))
  const hub = createMemoryHub()
  const app = (name: string): ReturnType<typeof createAether> =>
    createAether({ union: 'load', name, transport: hub.transport() })
  const [caller, first, second] = [app('caller'), app('first'), app('second')]
  const seen = new Map<number, number>()
  const workers = [first, second].map((aether) =>
    aether.worker({ concurrency: 64, presenceMs: 0 }).handle(square, async (input) => {
      const n = Number(input)
      seen.set(n, (seen.get(n) ?? 0) + 1)
      await new Promise((resolve) => setImmediate(resolve))
      return n * n
    }),
  )
  await Promise.all(workers.map((worker) => worker.start()))

  const { signal } = new AbortController()
  const runs = Array.from({ length: 10_000 }, (_, n) => caller.perform(square, n, { signal }))
  await until(() => (workers[0]?.stats.succeeded ?? 0) > 500)
  await workers[0]?.drain()
  const settled = await Promise.all(runs.map((run) => run.settle()))

  expect(settled.every((end, n) => end.status === 'succeeded' && end.value === n * n)).toBe(true)
  expect(caller.ledger).toEqual({
    performed: 10_000,
    succeeded: 10_000,
    failed: 0,
    cancelled: 0,
    expired: 0,
    open: 0,
  })
  // Nothing was lost, and what a worker that drains had in hand it finished: nothing was begun twice.
  expect([...seen.values()].every((count) => count === 1)).toBe(true)
  expect(workers[0]?.stats.succeeded).toBeLessThan(10_000)
  expect(warnings).toEqual([])
  await Promise.all([caller, first, second].map((aether) => aether.close()))
  await hub.close()
})
