import { createAether } from '@aether/core'
import type { Aether, PerformOptions, Run, Settlement, Transport } from '@aether/core'
import { expect } from 'vitest'

import type { TransportOverrides } from '../../harness.ts'
import { checkHistory, describeViolations } from '../../history/check-history.ts'
import { monotonicNow } from '../../history/history.ts'
import { recordTransport } from '../../history/record-transport.ts'
import type { Nemesis } from '../../nemesis/nemesis.ts'
import { runSchedule } from '../../nemesis/run-schedule.ts'
import { startWorkerPool } from '../../nemesis/worker-pool.ts'
import type { WorkerPool } from '../../nemesis/worker-pool.ts'
import { workloadDefinitions } from '../../worker/workload-tasks.ts'
import type { WorkloadInput, WorkloadName, WorkloadOutput } from '../../worker/workload-tasks.ts'
import { until } from '../../until.ts'
import { bounded } from '../expectations.ts'
import type { CaseContext } from '../suite-case.ts'

/** Far more than any run needs, faults or not, and the most that it may take. */
const runDeadlineMs = 30_000

/** Every wait is shorter than this. */
export const patienceMs = 40_000

export interface Caller {
  readonly name: string
  readonly aether: Aether
  /** The environment's own transport, which its link knows. */
  readonly plain: Transport
}

export interface Performed {
  readonly task: WorkloadName
  readonly n: number
  readonly run: Run
}

export interface StormOptions {
  /** Peace between two faults, from and to; the first always strikes early. @default [50, 250] */
  readonly gapMs?: readonly [number, number]
}

/** An application that performs, a pool of workers that works, and the one history of both. */
export interface Stage {
  readonly caller: Caller
  readonly pool: WorkerPool
  perform(task: WorkloadName, input: WorkloadInput, options?: PerformOptions): Performed
  /** Waits until every performed task has ended. */
  settle(): Promise<readonly (Performed & { readonly settlement: Settlement })[]>
  /** Lets `nemeses` strike, once there is something in hand that they can disturb, until every performed task has ended. */
  settleUnder(
    nemeses: readonly Nemesis[],
    options?: StormOptions,
  ): Promise<readonly (Performed & { readonly settlement: Settlement })[]>
  /** Stops the workers, writes the ledger and checks the history: fails with every broken promise by name. */
  finish(): Promise<void>
}

/** Opens an application over a transport of its own, recorded under `name`. */
export async function openCaller(
  context: CaseContext,
  name = 'caller',
  overrides: TransportOverrides = {},
): Promise<Caller> {
  const plain = await context.transport(overrides)
  const record = context.recorder.record.bind(context.recorder)
  const transport = recordTransport(plain, { by: name, record })
  const aether = createAether({ union: context.union, name, host: 'suite', transport })
  await aether.start()
  context.defer(() => aether.close({ signal: AbortSignal.timeout(1_000) }))
  return { name, aether, plain }
}

export interface StageOptions {
  /** @default 3 */
  readonly workers?: number
  /** @default 500 */
  readonly leaseMs?: number
  /** @default 4 */
  readonly concurrency?: number
}

/** Starts the workers and the caller. */
export async function openStage(context: CaseContext, options: StageOptions = {}): Promise<Stage> {
  const environment = await context.environment()
  const pool = await startWorkerPool({
    environment,
    size: options.workers ?? 3,
    spec: {
      name: 'w',
      union: context.union,
      workgroup: 'workers',
      concurrency: options.concurrency ?? 4,
      leaseMs: options.leaseMs ?? 500,
    },
    record: (entry) => context.recorder.record(entry),
  })
  context.defer(() => pool.close())
  const caller = await openCaller(context)
  return new WorkloadStage(context, pool, caller)
}

class WorkloadStage implements Stage {
  readonly caller: Caller
  readonly pool: WorkerPool
  readonly #context: CaseContext
  readonly #performed: Performed[] = []

  constructor(context: CaseContext, pool: WorkerPool, caller: Caller) {
    this.#context = context
    this.pool = pool
    this.caller = caller
  }

  perform(task: WorkloadName, input: WorkloadInput, options: PerformOptions = {}): Performed {
    const run = this.caller.aether.perform(workloadDefinitions[task], input, {
      waitForWorkers: true,
      deadlineMs: runDeadlineMs,
      ...options,
    })
    const performed = { task, n: input.n, run }
    this.#performed.push(performed)
    return performed
  }

  async settle(): Promise<readonly (Performed & { readonly settlement: Settlement })[]> {
    const settling = this.#performed.map(async (performed) => ({
      ...performed,
      settlement: await performed.run.settle(),
    }))
    return await bounded('every run', Promise.all(settling), patienceMs + 10_000)
  }

  async settleUnder(
    nemeses: readonly Nemesis[],
    options: StormOptions = {},
  ): Promise<readonly (Performed & { readonly settlement: Settlement })[]> {
    const { recorder } = this.#context
    // On a slow machine the first fault would come before the first task, and prove nothing.
    await until(() => recorder.entries.some(({ kind }) => kind === 'delivered'), {
      timeoutMs: patienceMs,
      what: 'a worker was handed a task',
    })
    const controller = new AbortController()
    const schedule = runSchedule({
      nemeses,
      random: this.#context.random,
      firstMs: [50, 250],
      gapMs: options.gapMs ?? [50, 250],
      // Longer than a lease, so that it is lost, and much shorter than any deadline.
      holdMs: [700, 1_100],
      minStrikes: 2,
      signal: controller.signal,
      record: (entry) => recorder.record(entry),
    })
    try {
      return await this.settle()
    } finally {
      controller.abort()
      await schedule
    }
  }

  async finish(): Promise<void> {
    await this.pool.close()
    const { name, aether } = this.caller
    const { performed, succeeded, failed, cancelled, expired, open } = aether.ledger
    const counts = { performed, succeeded, failed, cancelled, expired, open }
    this.#context.recorder.record({ kind: 'ledger', at: monotonicNow(), by: name, ...counts })
    expect(performed, 'performed').toBe(this.#performed.length)
    expect(open, 'open at the end').toBe(0)
    expectPromisesKept(this.#context)
  }
}

/** Fails with every broken promise by name. */
export function expectPromisesKept(context: CaseContext): void {
  const { redelivery } = context.capabilities
  const violations = checkHistory(context.recorder.entries, { maxWaitMs: patienceMs, redelivery })
  expect(describeViolations(violations)).toBe('')
}

/** Each succeeded with what it was given. */
export function expectAllSucceeded(
  settled: readonly (Performed & { readonly settlement: Settlement })[],
): void {
  const failures = settled.filter(({ settlement }) => settlement.status !== 'succeeded')
  expect(
    failures.map(({ task, settlement }) =>
      settlement.status === 'succeeded'
        ? ''
        : `${task} ${settlement.tid} ${settlement.status}: ${settlement.error.code} ${settlement.error.message}`,
    ),
  ).toEqual([])
  for (const { n, settlement } of settled)
    if (settlement.status === 'succeeded') expect((settlement.value as WorkloadOutput).n).toBe(n)
}
