/** Entry of the process that `spawnWorkerProcess` starts: the known workload over the transport that a module makes. */
import process from 'node:process'

import type { RecordEntry } from '../history/history.ts'
import type { WorkerCommand, WorkerMessage, WorkerStart, WorkerTransportModule } from './worker-message.ts'
import { startWorkload } from './workload.ts'
import type { Workload } from './workload.ts'

function say(message: WorkerMessage): void {
  if (process.connected) process.send?.(message)
}

function record(entry: RecordEntry): void {
  say({ type: 'entry', entry })
}

/** Never resolves: the process is gone before anything could follow. */
function crash(): Promise<void> {
  process.kill(process.pid, 'SIGKILL')
  return new Promise(() => undefined)
}

async function main(): Promise<Workload> {
  const start = JSON.parse(process.argv[2] ?? '') as WorkerStart
  const module = (await import(start.transportModule)) as WorkerTransportModule
  const transport = module.createTransport(start.transportOptions)
  return await startWorkload({ spec: start.spec, record, transport, crash })
}

function fail(error: unknown): void {
  say({ type: 'failed', message: error instanceof Error ? (error.stack ?? error.message) : String(error) })
  process.exitCode = 1
  process.disconnect()
}

const workload = main()
workload.then(() => say({ type: 'ready' }), fail)
process.on('message', (command: WorkerCommand) => {
  if (command.type !== 'stop') return
  // The channel keeps its order: when this has gone out, so has everything before it.
  workload
    .then((started) => started.stop())
    .then(() => process.send?.({ type: 'stopped' } satisfies WorkerMessage, () => process.disconnect()), fail)
})
// The parent is gone: nobody reads the record, and nobody would end this process.
process.on('disconnect', () => process.exit(process.exitCode ?? 0))
