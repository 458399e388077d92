import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'

import {
  type Aether,
  type Clock,
  defineTask,
  type Logger,
  type TaskDefinition,
  type TransportState,
} from '@aether/core'

export interface ConsumePathReport {
  readonly isHealthy: boolean
  /** In words, for whoever reads the endpoint. */
  readonly reason: string
  readonly transport: TransportState['status']
  /** Since a task last came through. */
  readonly lastSeenMs: number | undefined
}

/** Knows whether tasks get through to this worker, by sending itself one again and again. */
export interface ConsumePath {
  /** Starts to listen for its own tasks, and resolves after the first try, whether or not it came through. */
  start(options: { readonly signal: AbortSignal }): Promise<void>
  report(): ConsumePathReport
  close(): Promise<void>
}

export interface ConsumePathOptions {
  readonly clock: Pick<Clock, 'monotonic'>
  readonly logger: Logger
  readonly intervalMs: number
  readonly timeoutMs: number
}

/** What the worker sends itself; no other worker ever takes one, because each has a context of its own. */
const probe: TaskDefinition = defineTask({ job: 'aether', task: 'probe', attempts: 1 })

/**
 * A connection may look alive while nothing comes through it: a frozen broker, a half-open socket, a lost subscription. So the path itself is used: a task
 * goes to the broker and must come back to this process as a delivery, be acknowledged, and its result must arrive. The path counts as dead when the transport
 * says that it is not ready, or when no such task has come through for `intervalMs` + `timeoutMs`.
 */
export function consumePath(aether: Aether, options: ConsumePathOptions): ConsumePath {
  const { clock, logger, intervalMs, timeoutMs } = options
  const context = randomUUID()
  const worker = aether.worker({ name: `probe-${context}`, concurrency: 1, presenceMs: 0 })
  const closing = new AbortController()
  let lastSeen: number | undefined
  let looping = Promise.resolve()
  worker.handle(probe, () => undefined, { context })

  async function once(): Promise<void> {
    const run = aether.perform(probe, undefined, { context, deadlineMs: timeoutMs, signal: closing.signal })
    const settlement = await run.settle()
    if (settlement.status === 'succeeded') lastSeen = clock.monotonic()
    else if (!closing.signal.aborted) {
      logger.warn('no task came through the consume path', {
        error: settlement.error.message,
        code: settlement.error.code,
      })
    }
  }

  async function loop(): Promise<void> {
    while (!closing.signal.aborted) {
      await delay(intervalMs, undefined, { signal: closing.signal }).catch(() => undefined)
      if (!closing.signal.aborted) await once()
    }
  }

  return {
    async start({ signal }) {
      await worker.start({ signal })
      await once()
      looping = loop()
    },
    report() {
      const transport = aether.state.status
      const lastSeenMs = lastSeen === undefined ? undefined : clock.monotonic() - lastSeen
      const common = { transport, lastSeenMs }
      if (transport !== 'ready')
        return { isHealthy: false, reason: `the transport is ${transport}`, ...common }
      if (lastSeenMs === undefined)
        return { isHealthy: false, reason: 'no task has come through yet', ...common }
      const isHealthy = lastSeenMs <= intervalMs + timeoutMs
      const reason = isHealthy
        ? 'tasks come through'
        : `no task has come through for ${Math.round(lastSeenMs)} ms`
      return { isHealthy, reason, ...common }
    },
    async close() {
      closing.abort()
      await looping
      await worker.drain({ graceMs: 0 })
    },
  }
}
