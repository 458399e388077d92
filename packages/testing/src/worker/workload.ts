import type { AetherError, CompleteEvent, Delivery, ErrorShape, Transport } from '@aether/core'

import type { WorkerSpec } from '../harness.ts'
import { monotonicNow } from '../history/history.ts'
import type { RecordEntry } from '../history/history.ts'
import { recordTransport } from '../history/record-transport.ts'
import { workloadTasks } from './workload-tasks.ts'
import type { WorkloadContext, WorkloadInput } from './workload-tasks.ts'

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

/** Works through the known workload on a bare transport: every task of `workloadTasks`, a renewal every third of the lease. */
export async function startWorkload(options: WorkloadOptions): Promise<Workload> {
  const { spec, record } = options
  const transport = recordTransport(options.transport, { by: spec.name, record })
  const running = new Set<Promise<void>>()
  await transport.start({
    union: spec.union,
    client: spec.name,
    host: 'workload',
    onEvent: () => undefined,
    logger: silentLogger,
  })
  const consumer = await transport.consume(
    { union: spec.union, job: 'workload', task: '+', context: '+' },
    { workgroup: spec.workgroup, credit: spec.concurrency, leaseMs: spec.leaseMs },
    (delivery) => {
      const work = workOn(delivery, options).finally(() => running.delete(work))
      running.add(work)
    },
  )
  return {
    async stop() {
      await consumer.close()
      await Promise.all(running)
      await transport.close()
    },
  }
}

async function workOn(delivery: Delivery, options: WorkloadOptions): Promise<void> {
  const { spec, record } = options
  const { tid } = delivery.task
  const base = { by: spec.name, tid, workgroup: spec.workgroup, attempt: delivery.attempt }
  const controller = new AbortController()
  delivery.onRevoke((reason) => controller.abort(reason))
  record({ kind: 'handler-started', at: monotonicNow(), ...base })
  const renewals = renewing(delivery, spec.leaseMs, controller)
  try {
    await settle(delivery, options, await run(delivery, options, controller.signal))
  } catch {
    // The lease was lost or the connection is gone: the recorder has both, and the task goes on elsewhere.
  } finally {
    clearInterval(renewals)
    record({ kind: 'handler-ended', at: monotonicNow(), ...base })
  }
}

function renewing(delivery: Delivery, leaseMs: number, controller: AbortController): NodeJS.Timeout {
  return setInterval(() => {
    delivery.renew().catch((error: unknown) => controller.abort(error))
  }, leaseMs / 3)
}

type Result = { readonly output: unknown } | { readonly error: ErrorShape }

async function run(delivery: Delivery, options: WorkloadOptions, signal: AbortSignal): Promise<Result> {
  const { task, attempt } = delivery
  const handler = workloadTasks[task.route.task]
  const input = JSON.parse(new TextDecoder().decode(task.body)) as WorkloadInput
  let seq = 0
  const context: WorkloadContext = {
    attempt,
    signal,
    crash: options.crash,
    report: (progress) => {
      seq += 1
      return delivery.report({
        ...eventBase(delivery, options.spec),
        action: 'status',
        status: 'progress',
        progress,
        seq,
      })
    },
  }
  try {
    if (handler === undefined) throw new Error(`no task ${task.route.task} in the workload`)
    return { output: await handler(input, context) }
  } catch (error) {
    const { code, message } = error as Partial<AetherError> & Error
    return { error: { code: code ?? 'ERR_AETHER_TASK_FAILED', message, retryable: true } }
  }
}

async function settle(delivery: Delivery, options: WorkloadOptions, result: Result): Promise<void> {
  if ('error' in result) {
    await delivery.release({ failed: true, delayMs: 10, error: result.error })
    return
  }
  const body = new TextEncoder().encode(JSON.stringify(result.output))
  const complete: CompleteEvent = {
    ...eventBase(delivery, options.spec),
    action: 'complete',
    status: 'succeed',
    body,
  }
  await delivery.ack(complete)
}

function eventBase(delivery: Delivery, spec: WorkerSpec) {
  const { task, attempt } = delivery
  return {
    route: task.route,
    tid: task.tid,
    client: spec.name,
    host: 'workload',
    attempt,
    workgroup: spec.workgroup,
    codec: 'json',
  } as const
}

const silentLogger = { debug: silent, info: silent, warn: silent, error: silent }

function silent(): void {
  // What the worker saw is in its record.
}
