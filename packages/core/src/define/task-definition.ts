import type { StandardSchemaV1 } from '@standard-schema/spec'

import type { Codec } from '../codec/codec.ts'
import type { Backoff } from './backoff.ts'

/** A schema of any library that speaks Standard Schema (zod, valibot, arktype …). */
export type Schema = StandardSchemaV1

/** What a caller passes where `S` is the schema; `unknown` without one. */
export type SchemaInput<S extends Schema | undefined> = S extends Schema
  ? StandardSchemaV1.InferInput<S>
  : unknown

/** What comes out of validation where `S` is the schema; `unknown` without one. */
export type SchemaOutput<S extends Schema | undefined> = S extends Schema
  ? StandardSchemaV1.InferOutput<S>
  : unknown

/** What `defineTask` takes. */
export interface TaskDefinitionOptions<
  I extends Schema | undefined = Schema | undefined,
  P extends Schema | undefined = Schema | undefined,
  O extends Schema | undefined = Schema | undefined,
> {
  /** The service. No `/ + # *`, spaces or control characters. */
  readonly job: string
  /** The operation. Same rule. */
  readonly task: string
  /** Checked by the caller before it sends and by the worker before its handler runs. */
  readonly input?: I
  /** Checked by the worker on each `ctx.progress`. */
  readonly progress?: P
  /** Checked by the worker on what its handler returns; the caller receives what the schema made of it. */
  readonly output?: O
  /** How long a task may take from `perform` to its end, waiting and retries included. @default 60_000 */
  readonly deadlineMs?: number
  /** How long one attempt may take; 0: as long as the deadline. @default 0 */
  readonly attemptTimeoutMs?: number
  /** How long a task may wait in a queue for its first worker; 0: as long as the deadline. @default 0 */
  readonly ttlMs?: number
  /** How often it may fail or lose its worker before it fails for good. @default 3 */
  readonly attempts?: number
  /** How long to wait after a failed attempt. @default exponential(1_000, { maxMs: 30_000 }) */
  readonly backoff?: Backoff
  /** 0 (last) to 9 (first). @default 4 */
  readonly priority?: number
  /** How long a worker holds the task without a sign of life; renewed automatically every third of it. @default 30_000 */
  readonly leaseMs?: number
  /** What values are written with. @default the codec of the application */
  readonly codec?: Codec
}

/** A kind of task: the one source of its names, its types and its defaults, shared by client and worker. Frozen. */
export interface TaskDefinition<
  I extends Schema | undefined = Schema | undefined,
  P extends Schema | undefined = Schema | undefined,
  O extends Schema | undefined = Schema | undefined,
> {
  readonly job: string
  readonly task: string
  readonly input: I
  readonly progress: P
  readonly output: O
  readonly deadlineMs: number
  readonly attemptTimeoutMs: number
  readonly ttlMs: number
  readonly attempts: number
  readonly backoff: Backoff
  readonly priority: number
  readonly leaseMs: number
  readonly codec: Codec | undefined
}

/** What a caller passes to `perform`. */
export type TaskInput<D extends TaskDefinition> = SchemaInput<D['input']>
/** What a handler receives. */
export type HandlerInput<D extends TaskDefinition> = SchemaOutput<D['input']>
/** What a handler passes to `ctx.progress`. */
export type ProgressInput<D extends TaskDefinition> = SchemaInput<D['progress']>
/** What `run.progress` yields. */
export type TaskProgress<D extends TaskDefinition> = SchemaOutput<D['progress']>
/** What a handler returns. */
export type HandlerOutput<D extends TaskDefinition> = SchemaInput<D['output']>
/** What awaiting a run gives. */
export type TaskOutput<D extends TaskDefinition> = SchemaOutput<D['output']>
