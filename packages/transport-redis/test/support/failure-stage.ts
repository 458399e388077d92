import {
  type Aether,
  createAether,
  defineTask,
  fixed,
  type Logger,
  type Run,
  type Settlement,
  type TaskContext,
  type Transport,
  type TransportState,
} from '@aether/core'
import { expect } from 'vitest'
import { redis, type RedisMode, type RedisOptions } from '../../src/index.ts'

/** Every mode that users can choose. */
export const modes: readonly RedisMode[] = ['streams', 'lists', 'pubsub']

const quick = { backoff: { initialMs: 10, maxMs: 100 }, keepAliveMs: 1_000, connectTimeoutMs: 10_000 }

export const work = defineTask({
  job: 'failures',
  task: 'work',
  attempts: 20,
  backoff: fixed(10),
  deadlineMs: 45_000,
})

/** What the task takes. */
export interface WorkInput {
  readonly n: number
  /** How long it takes; `held` waits for `release`. */
  readonly ms: number | 'held'
}

interface Logged {
  readonly level: keyof Logger
  readonly message: string
  readonly fields: object | undefined
}

/** One instance of an application, with what its owner could see of its transport. */
export interface Instance {
  readonly aether: Aether
  readonly transport: Transport
  readonly log: readonly Logged[]
  readonly states: readonly TransportState[]
}

/** A caller and a worker, each with a transport of its own. */
export interface FailureStage {
  readonly caller: Instance
  readonly worker: Instance
  /** Handlers that run now, by `n`. */
  readonly running: ReadonlySet<number>
  /** How often each `n` was begun. */
  readonly begun: ReadonlyMap<number, number>
  perform(input: WorkInput): Run
  /** Performs `count` short tasks. */
  performMany(count: number, ms?: number): readonly Run[]
  /** Lets everything that is held end. */
  release(): void
  close(): Promise<void>
}

export interface FailureStageOptions {
  readonly redis: RedisOptions
  /** @default 8 */
  readonly concurrency?: number
  /** @default 5_000 */
  readonly leaseMs?: number
}

export async function openInstance(name: string, options: RedisOptions): Promise<Instance> {
  const transport = redis({ ...quick, ...options })
  const log: Logged[] = []
  const states: TransportState[] = []
  const at =
    (level: keyof Logger) =>
    (message: string, fields?: object): void => {
      // That the servers of these tests keep nothing is no finding.
      if (!message.includes('append-only file')) log.push({ level, message, fields })
    }
  const logger = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
  const aether = createAether({ union: 'failures', name, transport, logger })
  void (async () => {
    for await (const state of transport.states()) states.push(state)
  })()
  await aether.start()
  return { aether, transport, log, states }
}

export async function openFailureStage(options: FailureStageOptions): Promise<FailureStage> {
  const caller = await openInstance('caller', options.redis)
  const worker = await openInstance('worker', options.redis)
  const running = new Set<number>()
  const begun = new Map<number, number>()
  let open: () => void
  let gate = new Promise<void>((resolve) => {
    open = resolve
  })
  const handler = async (given: unknown, ctx: TaskContext): Promise<unknown> => {
    const { n, ms } = given as WorkInput
    running.add(n)
    begun.set(n, (begun.get(n) ?? 0) + 1)
    try {
      await (ms === 'held' ? abortable(gate, ctx.signal) : pause(ms))
    } finally {
      running.delete(n)
    }
    return n
  }
  const { concurrency = 8, leaseMs = 5_000 } = options
  await worker.aether.worker({ concurrency, presenceMs: 0 }).handle(work, handler, { leaseMs }).start()
  let count = 0
  return {
    caller,
    worker,
    running,
    begun,
    perform: (input) => caller.aether.perform(work, input, { waitForWorkers: true }),
    performMany(many, ms = 5) {
      return Array.from({ length: many }, () => {
        count += 1
        return caller.aether.perform(work, { n: count, ms }, { waitForWorkers: true })
      })
    },
    release() {
      open()
      gate = Promise.resolve()
    },
    async close() {
      open()
      await caller.aether.close({ signal: AbortSignal.timeout(2_000) })
      await worker.aether.close({ signal: AbortSignal.timeout(2_000) })
    },
  }
}

/** Every run has succeeded, each once, and the books are closed. */
export async function expectAllDone(stage: FailureStage, runs: readonly Run[]): Promise<void> {
  const settlements = await Promise.all(runs.map((run) => run.settle()))
  expect(settlements.filter(({ status }) => status !== 'succeeded').map(describeEnd)).toEqual([])
  expect(stage.caller.aether.ledger.open).toBe(0)
}

function describeEnd(settlement: Settlement): string {
  return settlement.status === 'succeeded'
    ? settlement.status
    : `${settlement.tid} ${settlement.status}: ${settlement.error.code} ${settlement.error.message}`
}

export function pause(delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, delayMs)
  })
}

function abortable(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
    promise.then(resolve, reject)
  })
}
