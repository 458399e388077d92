import type { Transport } from '@aether/core'

import type { Link, WorkerExit, WorkerHandle, WorkerSpec } from '../harness.ts'
import type { RecordEntry } from '../history/history.ts'
import { gateTransport } from './gate-transport.ts'
import { startWorkload } from './workload.ts'

export interface WorkerInProcessOptions {
  readonly spec: WorkerSpec
  readonly record: (entry: RecordEntry) => void
  /** Not started; the worker closes it. */
  readonly transport: Transport
  /** Makes the engine see what it sees when the worker's process dies. @default closing `transport` */
  readonly vanish?: () => Promise<void>
  /** Cuts and heals the worker's connection. Without it `cut` and `heal` reject. */
  readonly link?: Pick<Link, 'cut' | 'heal'>
}

/**
 * The worker of `spawnWorkerProcess` inside this process, for transports without a network. Between it and its transport stands a gate: a killed worker
 * hears and says nothing more, a frozen one nothing until it thaws.
 */
export async function startWorkerInProcess(options: WorkerInProcessOptions): Promise<WorkerHandle> {
  const { spec, transport, link } = options
  const gate = gateTransport(transport)
  let exit: (exit: WorkerExit) => void = () => undefined
  const exited = new Promise<WorkerExit>((resolve) => {
    exit = resolve
  })
  const kill = async (): Promise<void> => {
    gate.shut()
    await (options.vanish?.() ?? transport.close({ signal: AbortSignal.abort() }))
    exit({ code: null, signal: 'SIGKILL' })
  }
  const workload = await startWorkload({
    spec,
    record: options.record,
    transport: gate.transport,
    crash: kill,
  })
  const fault = (call: (() => Promise<void>) | undefined): Promise<void> =>
    call?.() ?? Promise.reject(new Error(`worker ${spec.name} was given no link to cut`))
  return {
    name: spec.name,
    kill,
    freeze: () => Promise.resolve(gate.hold()),
    thaw: () => Promise.resolve(gate.release()),
    cut: () => fault(link && (() => link.cut())),
    heal: () => fault(link && (() => link.heal())),
    async stop() {
      gate.release()
      await workload.stop()
      exit({ code: 0, signal: null })
    },
    exited,
  }
}
