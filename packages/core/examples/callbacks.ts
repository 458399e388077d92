import { createAether, type Transport } from '@aether/core'

/** The shape of the Python library: callbacks instead of promises. */
export async function callbacks(transport: Transport, print: (line: string) => void): Promise<void> {
  const aether = createAether({ union: 'production', transport })

  const worker = aether.task({
    job: 'my_service',
    task: 'process_data',
    context: 'production',
    onPerform: async (ctx, data) => {
      await ctx.status(50)
      await ctx.complete(true, { processed: data })
    },
  })
  await worker.idle()

  const client = aether.task({
    job: 'my_service',
    task: 'process_data',
    context: 'production',
    onStatus: (_task, complete, _succeed, progress) => {
      if (!complete) print(`progress: ${progress}%`)
    },
    onComplete: (_task, succeed, data) => print(`result: ${succeed} ${JSON.stringify(data)}`),
  })
  await client.perform({ file: '/path/to/data.csv' })

  await aether.close()
}
