import { hostname } from 'node:os'

import {
  type Aether,
  AetherError,
  createAether,
  type HandleOptions,
  type Logger,
  systemClock,
  type TaskDefinition,
  type TaskHandler,
  type Transport,
  type Worker,
} from '@aether/core'

import type { WorkerConfig } from '../config/settings.ts'
import { type HandlerRegistry, loadHandlerModule } from '../handler-module.ts'
import { type ConsumePath, consumePath } from './consume-path.ts'
import { type HttpServer, httpServer, type ServiceStatus } from './http-server.ts'
import { type ServiceMetrics, serviceMetrics } from './metrics.ts'

export interface ServiceOptions {
  readonly config: WorkerConfig
  readonly transport: Transport
  readonly logger: Logger
  /** Called when the connection is lost for good: nothing will come through any more. */
  readonly onFailure: (error: AetherError) => void
}

/** One worker process, without the process. */
export interface Service {
  readonly status: ServiceStatus
  /** Opens the HTTP port, loads the handlers, connects, and resolves with the HTTP URL when tasks come through. Closes everything when it fails. */
  start(): Promise<string>
  /** Takes no more tasks, lets those in hand finish within `graceMs`, gives the rest back, and closes. Idempotent; also ends a start that is under way. */
  drain(): Promise<void>
}

interface Parts {
  readonly aether: Aether
  readonly worker: Worker
  readonly path: ConsumePath
  readonly http: HttpServer
  readonly metrics: ServiceMetrics
}

export function createService(options: ServiceOptions): Service {
  const { config, logger } = options
  const stopping = new AbortController()
  let status: ServiceStatus = 'starting'
  let draining: Promise<void> | undefined
  const parts = assemble(options, () => status)

  async function start(): Promise<string> {
    const { signal } = stopping
    const url = await parts.http.listen()
    logger.info('http is up', { url })
    for (const entry of config.handlers) {
      const registry = observed(parts.worker, parts.metrics, config)
      await loadHandlerModule(entry, registry, { logger, concurrency: config.concurrency })
    }
    signal.throwIfAborted()
    await parts.aether.start({ signal })
    await parts.worker.start({ signal })
    await parts.path.start({ signal })
    signal.throwIfAborted()
    status = 'ready'
    return url
  }

  async function drain(): Promise<void> {
    status = 'draining'
    stopping.abort(new AetherError('ERR_AETHER_WORKER_SHUTDOWN', 'the service was told to stop'))
    try {
      await closeAll(parts, config.graceMs)
    } finally {
      status = 'closed'
    }
  }

  return {
    get status() {
      return status
    },
    async start() {
      void watch(parts.aether, options)
      try {
        return await start()
      } catch (error) {
        draining ??= drain()
        await draining.catch((failure: unknown) =>
          logger.warn('closing after a failed start', { error: failure }),
        )
        throw error
      }
    },
    drain() {
      draining ??= drain()
      return draining
    },
  }
}

function assemble(options: ServiceOptions, status: () => ServiceStatus): Parts {
  const { config, logger } = options
  const { union, name, workgroup, concurrency, graceMs } = config
  const aether = createAether({ union, name, host: hostname(), transport: options.transport, logger })
  const worker = aether.worker({ name, workgroup, concurrency, graceMs })
  const path = consumePath(aether, {
    clock: systemClock,
    logger,
    intervalMs: config.probeIntervalMs,
    timeoutMs: config.probeTimeoutMs,
  })
  const metrics = serviceMetrics({
    transportState: () => aether.state.status,
    isHealthy: () => path.report().isHealthy,
  })
  const http = httpServer({
    host: config.httpHost,
    port: config.httpPort,
    logger,
    registry: metrics.registry,
    consumePath: () => path.report(),
    status,
  })
  return { aether, worker, path, http, metrics }
}

/** Health stays true until the last task is done, and the port answers to the very end. One failure keeps no other part open. */
async function closeAll(parts: Parts, graceMs: number): Promise<void> {
  const failures: unknown[] = []
  for (const step of [
    () => parts.worker.drain({ graceMs }),
    () => parts.path.close(),
    () => parts.aether.close(),
    () => parts.http.close(),
  ]) {
    try {
      await step()
    } catch (error) {
      failures.push(error)
    }
  }
  if (failures.length > 0) throw new AggregateError(failures, 'the service did not stop cleanly')
}

/** The worker as a handler module sees it: with the service's settings where the module says nothing, each attempt counted. */
function observed(worker: Worker, metrics: ServiceMetrics, config: WorkerConfig): HandlerRegistry {
  const defaults: HandleOptions = {
    context: config.context,
    ...(config.leaseMs === undefined ? {} : { leaseMs: config.leaseMs }),
  }
  return {
    handle<D extends TaskDefinition>(definition: D, handler: TaskHandler<D>, options?: HandleOptions) {
      const counted: TaskHandler<D> = (input, ctx) =>
        metrics.observe(definition, ctx, () => handler(input, ctx))
      worker.handle(definition, counted, { ...defaults, ...options })
    },
  }
}

/** Logs each change of the connection, until it is closed. */
async function watch(aether: Aether, { logger, onFailure }: ServiceOptions): Promise<void> {
  for await (const { state } of aether.states()) {
    if (state.status === 'reconnecting') {
      logger.warn('reconnecting to the broker', {
        attempt: state.attempt,
        error: state.error.message,
        code: state.error.code,
      })
    } else if (state.status === 'failed') {
      logger.error('the connection is lost for good', { error: state.error.message, code: state.error.code })
      onFailure(state.error)
    } else {
      logger.info(`the transport is ${state.status}`)
    }
  }
}
