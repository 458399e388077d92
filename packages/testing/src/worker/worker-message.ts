import type { Transport } from '@aether/core'

import type { WorkerSpec } from '../harness.ts'
import type { RecordEntry } from '../history/history.ts'

/** What a module named in `spawnWorkerProcess` exports: how a worker's process makes its transport. `options` crossed as JSON. */
export interface WorkerTransportModule {
  createTransport(options: unknown): Transport
}

/** What the worker's process is told at its start, as JSON in its one argument. */
export interface WorkerStart {
  readonly spec: WorkerSpec
  /** URL of a `WorkerTransportModule`. */
  readonly transportModule: string
  readonly transportOptions: unknown
}

/** What the worker's process says. */
export type WorkerMessage =
  | { readonly type: 'ready' }
  | { readonly type: 'entry'; readonly entry: RecordEntry }
  | { readonly type: 'stopped' }
  | { readonly type: 'failed'; readonly message: string }

/** What the worker's process is told. */
export interface WorkerCommand {
  readonly type: 'stop'
}
