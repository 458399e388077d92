import { hostname } from 'node:os'

import {
  type Aether,
  AetherError,
  createAether,
  type HandleOptions,
  isAetherError,
  type Logger,
  systemClock,
  type TaskDefinition,
  type TaskHandler,
  type Transport,
  type Worker,
} from '@aether/core'

import type { WorkerConfig } from '../config/settings.ts'
import { type HandlerRegistry, loadHandlerModule } from '../handler-module.ts'
import { type ConsumePath, consumePath, type ConsumePathReport } from './consume-path.ts'
import { type HttpServer, httpServer, type ServiceStatus } from './http-server.ts'
import { type ServiceMetrics, serviceMetrics } from './metrics.ts'

export interface ServiceOptions {
  readonly config: WorkerConfig
  /** Makes a transport of its own for each try to connect: one that has given up is of no use any more. */
  readonly createTransport: () => Transport
  readonly logger: Logger
  /** Called when the connection is lost for good: nothing will come through any more. */
  readonly onFailure: (error: AetherError) => void
}

/** One worker process, without the process. */
export interface Service {
  readonly status: ServiceStatus
  /**
   * Opens the HTTP port, loads the handlers, connects, and resolves with the HTTP URL when tasks come through. A broker that cannot be reached is tried again
   * until `drain`; any other failure closes everything.
   */
  start(): Promise<string>
  /** Takes no more tasks, lets those in hand finish within `graceMs`, gives the rest back, and closes. Idempotent; also ends a start that is under way. */
  drain(): Promise<void>
}

/** What hangs on one transport. */
interface Connection {
  readonly aether: Aether
  readonly worker: Worker
  readonly path: ConsumePath
}

/** What lasts as long as the process. */
interface Surface {
  readonly http: HttpServer
  readonly metrics: ServiceMetrics
}

interface Running {
  status: ServiceStatus
  connection: Connection
  /** Aborted when it is told to stop. */
  readonly signal: AbortSignal
}

/** One call of `worker.handle`, to be made again on the worker of another connection. */
type Registration = (worker: Worker) => void

export function createService(options: ServiceOptions): Service {
  const stopping = new AbortController()
  const running: Running = { status: 'starting', connection: connect(options), signal: stopping.signal }
  const surface = expose(options, running)
  let draining: Promise<void> | undefined

  async function drain(): Promise<void> {
    running.status = 'draining'
    stopping.abort(new AetherError('ERR_AETHER_WORKER_SHUTDOWN', 'the service was told to stop'))
    const { graceMs } = options.config
    try {
      await closeAll([() => closeConnection(running.connection, graceMs), () => surface.http.close()])
    } finally {
      running.status = 'closed'
    }
  }

  return {
    get status() {
      return running.status
    },
    async start() {
      try {
        return await start(options, running, surface)
      } catch (error) {
        draining ??= drain()
        await draining.catch((failure: unknown) =>
          options.logger.warn('closing after a failed start', { error: failure }),
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

async function start(options: ServiceOptions, running: Running, surface: Surface): Promise<string> {
  const { config, logger } = options
  const { signal } = running
  const url = await surface.http.listen()
  logger.info('http is up', { url })
  const registrations: Registration[] = []
  for (const entry of config.handlers) {
    const registry = observed(running.connection.worker, registrations, surface.metrics, config)
    await loadHandlerModule(entry, registry, { logger, concurrency: config.concurrency })
  }
  signal.throwIfAborted()
  await reach(options, running, registrations)
  await running.connection.worker.start({ signal })
  await running.connection.path.start({ signal })
  signal.throwIfAborted()
  running.status = 'ready'
  return url
}

/** Connects, however long the broker is not there yet: services start in any order. */
async function reach(
  options: ServiceOptions,
  running: Running,
  registrations: readonly Registration[],
): Promise<void> {
  const { signal } = running
  for (;;) {
    void watch(running, options)
    try {
      return await running.connection.aether.start({ signal })
    } catch (error) {
      if (signal.aborted || !isUnreachable(error)) throw error
      const { message, code } = error
      options.logger.warn('the broker cannot be reached yet: trying on', { error: message, code })
    }
    await closeConnection(running.connection, 0)
    signal.throwIfAborted()
    running.connection = connect(options)
    for (const register of registrations) register(running.connection.worker)
  }
}

function connect({ config, logger, createTransport }: ServiceOptions): Connection {
  const { union, name, workgroup, concurrency, graceMs } = config
  const aether = createAether({ union, name, host: hostname(), transport: createTransport(), logger })
  const worker = aether.worker({ name, workgroup, concurrency, graceMs })
  const path = consumePath(aether, {
    clock: systemClock,
    logger,
    intervalMs: config.probeIntervalMs,
    timeoutMs: config.probeTimeoutMs,
  })
  return { aether, worker, path }
}

function expose(options: ServiceOptions, running: Running): Surface {
  const { config, logger } = options
  const consumePath = (): ConsumePathReport => running.connection.path.report()
  const metrics = serviceMetrics({
    transportState: () => running.connection.aether.state.status,
    isHealthy: () => consumePath().isHealthy,
  })
  const { httpHost: host, httpPort: port } = config
  const status = (): ServiceStatus => running.status
  const http = httpServer({ host, port, logger, registry: metrics.registry, consumePath, status })
  return { http, metrics }
}

/** Nobody answers there, or not in time: that may pass. What a broker refuses does not. */
function isUnreachable(error: unknown): error is AetherError {
  return (
    isAetherError(error) &&
    (error.code === 'ERR_AETHER_CONNECT_TIMEOUT' || error.code === 'ERR_AETHER_CONNECT_FAILED')
  )
}

function closeConnection({ aether, worker, path }: Connection, graceMs: number): Promise<void> {
  return closeAll([() => worker.drain({ graceMs }), () => path.close(), () => aether.close()])
}

/** Health stays true until the last task is done, and the port answers to the very end. One failure keeps no other part open. */
async function closeAll(steps: readonly (() => Promise<void>)[]): Promise<void> {
  const failures: unknown[] = []
  for (const step of steps) {
    try {
      await step()
    } catch (error) {
      failures.push(error)
    }
  }
  if (failures.length > 0) throw new AggregateError(failures, 'the service did not stop cleanly')
}

/** The worker as a handler module sees it: with the service's settings where the module says nothing, each attempt counted. */
function observed(
  worker: Worker,
  registrations: Registration[],
  metrics: ServiceMetrics,
  config: WorkerConfig,
): HandlerRegistry {
  const defaults: HandleOptions = {
    context: config.context,
    ...(config.leaseMs === undefined ? {} : { leaseMs: config.leaseMs }),
  }
  return {
    handle<D extends TaskDefinition>(definition: D, handler: TaskHandler<D>, options?: HandleOptions) {
      const counted: TaskHandler<D> = (input, ctx) =>
        metrics.observe(definition, ctx, () => handler(input, ctx))
      const register: Registration = (on) => void on.handle(definition, counted, { ...defaults, ...options })
      register(worker)
      registrations.push(register)
    },
  }
}

/** Logs each change of the connection, until it is closed. */
async function watch(running: Running, { logger, onFailure }: ServiceOptions): Promise<void> {
  for await (const { state } of running.connection.aether.states()) {
    if (state.status === 'reconnecting') {
      logger.warn('reconnecting to the broker', {
        attempt: state.attempt,
        error: state.error.message,
        code: state.error.code,
      })
    } else if (state.status === 'failed') {
      // A connection that never was is for `start` to tell.
      if (running.status === 'starting') continue
      logger.error('the connection is lost for good', { error: state.error.message, code: state.error.code })
      onFailure(state.error)
    } else {
      logger.info(`the transport is ${state.status}`)
    }
  }
}
