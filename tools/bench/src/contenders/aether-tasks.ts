import { createAether, defineTask, type Transport } from '@aether/core'
import type { TaskClient, TaskInput, TaskOutput } from '../contender.ts'

// Without schemas: no peer validates either.
const echo = defineTask({ job: 'bench', task: 'echo' })

/** The same two programs whatever carries the tasks. */
export async function tasks(transport: Transport, concurrency: number): Promise<TaskClient> {
  const aether = createAether({ union: 'bench', transport })
  await aether.start()
  return {
    async perform(input, onProgress) {
      const run = aether.perform(echo, input)
      if (onProgress !== undefined) for await (const _step of run.progress) onProgress()
      return (await run) as TaskOutput
    },
    async work() {
      const worker = aether.worker({ concurrency })
      worker.handle(echo, async (data, ctx) => {
        const input = data as TaskInput
        for (let step = 1; step <= input.steps; step++) await ctx.progress(step * 10)
        return { n: input.n, length: input.text.length }
      })
      await worker.start()
    },
    close: () => aether.close(),
  }
}
