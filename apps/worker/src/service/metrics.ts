import { isAetherError, type TaskContext, type TaskDefinition, type TransportState } from '@aether/core'
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'

/** How an attempt ended, as the worker saw it. */
export type AttemptOutcome = 'succeeded' | 'failed' | 'cancelled' | 'expired' | 'lease_lost' | 'returned'

/** The service's numbers, in a registry of their own. */
export interface ServiceMetrics {
  readonly registry: Registry
  /** Runs one attempt of a task and counts it. */
  observe<T>(definition: TaskDefinition, ctx: TaskContext<never>, run: () => T | PromiseLike<T>): Promise<T>
}

export interface ServiceMetricsOptions {
  /** Read at each scrape. */
  readonly transportState: () => TransportState['status']
  readonly isHealthy: () => boolean
}

const states: readonly TransportState['status'][] = [
  'idle',
  'starting',
  'ready',
  'reconnecting',
  'closing',
  'closed',
  'failed',
]

/** Seconds: a digest of a small file takes less than a millisecond, that of a disk image minutes. */
const durationBuckets = [0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10, 60, 300, 1_800]

const outcomes: Readonly<Record<string, AttemptOutcome>> = {
  ERR_AETHER_TASK_CANCELLED: 'cancelled',
  ERR_AETHER_DEADLINE_EXCEEDED: 'expired',
  ERR_AETHER_LEASE_LOST: 'lease_lost',
  ERR_AETHER_WORKER_SHUTDOWN: 'returned',
}

export function serviceMetrics(options: ServiceMetricsOptions): ServiceMetrics {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry })
  const task = ['job', 'task'] as const
  const started = new Counter({
    name: 'aether_tasks_started_total',
    help: 'Attempts that a handler was called for.',
    labelNames: task,
    registers,
  })
  const finished = new Counter({
    name: 'aether_tasks_finished_total',
    help: 'Attempts that ended, by outcome: succeeded, failed, cancelled, expired, lease_lost, returned.',
    labelNames: [...task, 'outcome'],
    registers,
  })
  const running = new Gauge({
    name: 'aether_tasks_running',
    help: 'Attempts whose handler is at work.',
    labelNames: task,
    registers,
  })
  const duration = new Histogram({
    name: 'aether_task_duration_seconds',
    help: 'How long handlers took, by outcome.',
    labelNames: [...task, 'outcome'],
    buckets: durationBuckets,
    registers,
  })
  const leaseLosses = new Counter({
    name: 'aether_lease_losses_total',
    help: 'Attempts taken away because the lease was lost.',
    labelNames: task,
    registers,
  })
  addGauges(registers, options)

  return {
    registry,
    async observe(definition, ctx, run) {
      const labels = { job: definition.job, task: definition.task }
      started.inc(labels)
      running.inc(labels)
      const stop = duration.startTimer(labels)
      let outcome: AttemptOutcome = 'succeeded'
      try {
        return await run()
      } catch (error) {
        outcome = 'failed'
        throw error
      } finally {
        // What the signal says goes before what the handler made of it: a handler may throw anything once it is aborted.
        if (ctx.signal.aborted) outcome = outcomeOf(ctx.signal.reason)
        running.dec(labels)
        stop({ outcome })
        finished.inc({ ...labels, outcome })
        if (outcome === 'lease_lost') leaseLosses.inc(labels)
      }
    },
  }
}

function addGauges(registers: Registry[], options: ServiceMetricsOptions): void {
  new Gauge({
    name: 'aether_transport_state',
    help: '1 for the state that the transport is in, 0 for the others.',
    labelNames: ['state'],
    registers,
    collect() {
      const current = options.transportState()
      for (const state of states) this.set({ state }, state === current ? 1 : 0)
    },
  })
  new Gauge({
    name: 'aether_consume_path_healthy',
    help: '1 while tasks get through to this worker, as /healthz says.',
    registers,
    collect() {
      this.set(options.isHealthy() ? 1 : 0)
    },
  })
}

function outcomeOf(reason: unknown): AttemptOutcome {
  return isAetherError(reason) ? (outcomes[reason.code] ?? 'failed') : 'failed'
}
