import { createAether, defineTask } from '@aether/core'
import { openTransport } from '../transports.ts'

/** What the harness gives on the command line. */
export interface HolderSpec {
  readonly contender: string
  readonly url: string
  readonly leaseMs: number
  readonly concurrency: number
}

export type HolderMessage = { readonly kind: 'ready' } | { readonly kind: 'took'; readonly n: number }

// A worker that holds every task it takes until it is told to finish them all: it keeps their leases alive, and nothing but its death ends that.
const { contender, url, leaseMs, concurrency } = JSON.parse(process.argv[2] as string) as HolderSpec
const say = (message: HolderMessage): void => void process.send?.(message)
const aether = createAether({ union: 'bench', transport: await openTransport(contender, url) })
let finish: () => void = () => undefined
const isOver = new Promise<void>((resolve) => (finish = resolve))

const worker = aether.worker({ concurrency })
worker.handle(defineTask({ job: 'bench', task: 'hold', leaseMs }), async (input) => {
  const { n } = input as { n: number }
  say({ kind: 'took', n })
  await isOver
  return { n }
})
await worker.start()
process.on('message', (message) => {
  if (message === 'finish') finish()
})
process.once('disconnect', () => process.exit(0))
say({ kind: 'ready' })
