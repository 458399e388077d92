import { createAether, defineTask } from '@aether/core'
import { tcp } from '@aether/transport-tcp'
import { connect } from '@aether/wire/tcp'
import type { Contender, TaskInput, TaskOutput } from '../contender.ts'

// The definition carries types only: no peer validates its input either.
const echo = defineTask<TaskInput, number, TaskOutput>({ job: 'bench', task: 'echo' })

export const aether: Contender = {
  name: 'ours',
  server: 'aether',
  packages: ['@aether/broker', '@aether/core'],

  async pubsub(url) {
    const client = await connect(url)
    return {
      publish: (payload) => void client.publish('bench/topic', payload),
      flush: () => client.flush(),
      async subscribe(onMessage) {
        await client.subscribe('bench/topic', { onMessage: (message) => onMessage(message.payload) })
      },
      close: () => client.close(),
    }
  },

  async rpc(url) {
    const client = await connect(url)
    return {
      request: async (payload) => (await client.request('bench/echo', payload)).payload,
      async serve() {
        await client.serve('bench/echo', (request) => request.payload, { concurrency: 1024 })
      },
      close: () => client.close(),
    }
  },

  async tasks(url, _seat, concurrency) {
    const aether = createAether({ union: 'bench', transport: tcp({ url }) })
    await aether.start()
    return {
      async perform(input, onProgress) {
        const run = aether.perform(echo, input)
        if (onProgress !== undefined) for await (const _step of run.progress) onProgress()
        return run
      },
      async work() {
        const worker = aether.worker({ concurrency })
        worker.handle(echo, async (input, ctx) => {
          for (let step = 1; step <= input.steps; step++) await ctx.progress(step * 10)
          return { n: input.n, length: input.text.length }
        })
        await worker.start()
      },
      close: () => aether.close(),
    }
  },

  async idle(url, count) {
    const clients = []
    for (let opened = 0; opened < count; opened += 100) {
      const batch = Array.from({ length: Math.min(100, count - opened) }, () => connect(url))
      clients.push(...(await Promise.all(batch)))
    }
    return async () => {
      await Promise.all(clients.map((client) => client.close()))
    }
  },
}
