import { createAether } from '../../src/app/create-aether.ts'
import type { Aether, AetherOptions } from '../../src/app/aether.ts'
import { defineTask } from '../../src/define/define-task.ts'
import type { TaskDefinition } from '../../src/define/task-definition.ts'
import type { Capabilities, Logger } from '../../src/transport.ts'
import type { TaskHandler, Worker, WorkerOptions } from '../../src/worker/worker.ts'
import { HandClock } from './hand-clock.ts'
import { LoopbackHub, type Loopback } from './loopback.ts'

export interface Setting {
  readonly clock: HandClock
  readonly hub: LoopbackHub
  readonly transport: Loopback
  readonly aether: Aether
  /** What was logged, as `level message`. */
  readonly log: string[]
}

export const echo: TaskDefinition = defineTask({ job: 'test', task: 'echo' })

/** One application on a loopback, on a clock that stands still. */
export function setUp(
  options: Partial<AetherOptions> & { readonly capabilities?: Partial<Capabilities> } = {},
): Setting {
  const { capabilities, ...rest } = options
  const clock = rest.clock instanceof HandClock ? rest.clock : new HandClock()
  const hub = new LoopbackHub(clock, capabilities)
  const transport = hub.transport()
  const log: string[] = []
  const aether = createAether({
    union: 'u',
    name: 'app',
    transport,
    clock,
    random: () => 0.5,
    logger: recordingLogger(log),
    ...rest,
  })
  return { clock, hub, transport, aether, log }
}

export function recordingLogger(log: string[]): Logger {
  const at = (level: string) => (message: string) => void log.push(`${level} ${message}`)
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}

/** A started worker for one task, without signs of life. */
export async function work<D extends TaskDefinition>(
  aether: Aether,
  definition: D,
  handler: TaskHandler<D>,
  options: WorkerOptions & { readonly attemptTimeoutMs?: number; readonly leaseMs?: number } = {},
): Promise<Worker> {
  const { attemptTimeoutMs, leaseMs, ...rest } = options
  const worker = aether.worker({ presenceMs: 0, ...rest }).handle(definition, handler, {
    ...(attemptTimeoutMs === undefined ? {} : { attemptTimeoutMs }),
    ...(leaseMs === undefined ? {} : { leaseMs }),
  })
  await worker.start()
  return worker
}

/** A promise, and its ends in the open. */
export interface Gate<T = void> {
  readonly promise: Promise<T>
  readonly open: (value: T) => void
  readonly fail: (error: unknown) => void
}

export function gate<T = void>(): Gate<T> {
  let open: (value: T) => void = () => {}
  let fail: (error: unknown) => void = () => {}
  const promise = new Promise<T>((resolve, reject) => {
    open = resolve
    fail = reject
  })
  return { promise, open, fail }
}

/** Rejects when the signal aborts, as a well-behaved handler does. */
export function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    if (signal.aborted) reject(signal.reason)
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
}
