import { createAether, defineTask, type Transport } from '@aether/core'
import { expect } from 'vitest'

const double = defineTask({ job: 'deployment', task: 'double', deadlineMs: 60_000, attempts: 5 })
const other = defineTask({ job: 'deployment', task: 'other', deadlineMs: 60_000, attempts: 5 })

export interface Workload {
  /** Performs so many tasks of two kinds, and expects each to answer. */
  perform(count: number): Promise<void>
  close(): Promise<void>
}

/** A caller and a worker, each with a transport of its own, as users have them. */
export async function startWorkload(make: () => Transport): Promise<Workload> {
  const [caller, workers] = [make(), make()].map((transport) => createAether({ union: 'users', transport }))
  if (caller === undefined || workers === undefined) throw new Error('no transports')
  const worker = workers.worker({ concurrency: 32 })
  worker.handle(double, (input) => Number(input) * 2)
  worker.handle(other, (input) => `other ${String(input)}`)
  await worker.start()
  return {
    async perform(count) {
      const inputs = Array.from({ length: count }, (_, index) => index)
      const results = await Promise.all(
        inputs.map((input) => caller.perform(input % 2 === 0 ? double : other, input)),
      )
      expect(results).toEqual(inputs.map((input) => (input % 2 === 0 ? input * 2 : `other ${input}`)))
    },
    async close() {
      await caller.close()
      await workers.close()
    },
  }
}
