/** A worker as a process of its own, to be killed: says over its channel when it is ready and when it begins a task, and works until it is told to finish. */
import process from 'node:process'
import { createAether, defineTask } from '@aether/core'
import { mqtt, type MqttOptions } from '../../src/index.ts'

export interface PresenceWorkerOptions {
  readonly union: string
  readonly name: string
  readonly mqtt: MqttOptions
}

export type PresenceWorkerMessage =
  | { readonly ready: true }
  | { readonly began: string; readonly attempt: number }

const { union, name, mqtt: options } = JSON.parse(process.argv[2] ?? '') as PresenceWorkerOptions
const say = (message: PresenceWorkerMessage): void => void process.send?.(message)

const render = defineTask({ job: 'video', task: 'render', leaseMs: 4_000 })
const aether = createAether({ union, name, transport: mqtt(options) })
// Signs of life far apart: who is found to be gone was not found so by its silence.
const worker = aether.worker({ name, concurrency: 16, presenceMs: 60_000 })
let finish: () => void = () => undefined
const finished = new Promise<void>((resolve) => (finish = resolve))
worker.handle(render, async (_input, ctx) => {
  say({ began: ctx.tid, attempt: ctx.attempt })
  await finished
  return { by: name, attempt: ctx.attempt }
})
process.on('message', (command: 'finish' | 'stop') => {
  if (command === 'finish') finish()
  else void aether.close().then(() => process.disconnect())
})
process.on('disconnect', () => process.exit(0))
await worker.start()
say({ ready: true })
