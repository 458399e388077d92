import { createAether } from '@aether/core'
import type { TaskContext, TaskHandler, Transport } from '@aether/core'

import type { WorkerSpec } from '../harness.ts'
import { monotonicNow } from '../history/history.ts'
import type { RecordEntry } from '../history/history.ts'
import { recordTransport } from '../history/record-transport.ts'
import { workloadDefinitions, workloadHandlers } from './workload-tasks.ts'
import type { WorkloadHandler, WorkloadInput, WorkloadName } from './workload-tasks.ts'

export interface WorkloadOptions {
  readonly spec: WorkerSpec
  readonly record: (entry: RecordEntry) => void
  readonly transport: Transport
  /** Ends this worker as SIGKILL would. */
  readonly crash: () => Promise<void>
}

export interface Workload {
  /** Takes nothing new, finishes what it has, closes the transport. */
  stop(): Promise<void>
}

/** Works through the known workload as an application would, telling `record` of every delivery, use of a lease and handler. */
export async function startWorkload(options: WorkloadOptions): Promise<Workload> {
  const { spec, record } = options
  const { name, union, workgroup, concurrency, leaseMs } = spec
  const transport = recordTransport(options.transport, { by: name, record })
  const aether = createAether({ union, name, host: 'workload', transport })
  const worker = aether.worker({ workgroup, concurrency, presenceMs: 0, graceMs: 10_000 })
  for (const task of Object.keys(workloadDefinitions) as WorkloadName[])
    worker.handle(workloadDefinitions[task], handlerOf(workloadHandlers[task], options), { leaseMs })
  await worker.start()
  return { stop: () => aether.close() }
}

function handlerOf(
  handler: WorkloadHandler,
  { spec, record, crash }: WorkloadOptions,
): TaskHandler<(typeof workloadDefinitions)[WorkloadName]> {
  return async (input: unknown, ctx: TaskContext) => {
    const { tid, workgroup, attempt, signal } = ctx
    const base = { by: spec.name, tid, workgroup, attempt }
    record({ kind: 'handler-started', at: monotonicNow(), ...base })
    try {
      const report = (progress: number): Promise<void> => ctx.status(progress)
      return await handler(input as WorkloadInput, { attempt, signal, crash, report })
    } finally {
      record({ kind: 'handler-ended', at: monotonicNow(), ...base })
    }
  }
}
