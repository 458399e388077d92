import type { Capabilities, Transport } from '@aether/core'

import { createFaultProxy, type FaultProxy } from './fault-proxy/fault-proxy.ts'
import type { EngineControl, Environment, Link, TransportOverrides, WorkerHandle } from './harness.ts'
import { spawnWorkerProcess } from './worker/spawn-worker-process.ts'

/** Proxies of one environment: as many as a case has transports with links. */
const proxyCount = 12

/** An engine that is a process of its own behind one port of this machine. */
export interface ProxiedEngine<C extends Capabilities> {
  readonly port: number
  /** What may be done to its process; a call may do it at once. */
  readonly engine: { readonly [K in keyof EngineControl]: () => Promise<void> | void }
  /** A new transport, not started, to this port of 127.0.0.1: a proxy's, or the engine's own. */
  transport(port: number, overrides: TransportOverrides): Transport<C>
  /** For `spawnWorkerProcess`: which module makes a worker's transport, and of what. */
  readonly worker: { readonly transportModule: URL; transportOptions(port: number): unknown }
  deadLetters?(): Promise<readonly string[]>
  /** Ends the engine, whatever was done to it; called once. */
  close(): Promise<void>
}

/**
 * The environment of an engine over TCP, with every fault that there is: a fault proxy before each transport and each worker, real worker processes.
 *
 * @example
 * create: async (limits) => {
 *   const server = await startServer(limits)
 *   return proxiedEnvironment({
 *     port: server.port,
 *     engine: server,
 *     transport: (port, overrides) => mine({ url: `mine://127.0.0.1:${port}`, ...overrides }),
 *     worker: { transportModule: new URL('worker.ts', import.meta.url), transportOptions: (port) => ({ port }) },
 *     close: () => server.close(),
 *   })
 * }
 */
export async function proxiedEnvironment<C extends Capabilities>(
  given: ProxiedEngine<C>,
): Promise<Environment<C>> {
  const target = { port: given.port }
  const deadLetters = given.deadLetters?.bind(given)
  const proxies = await Promise.all(Array.from({ length: proxyCount }, () => createFaultProxy({ target })))
  const spare = [...proxies]
  const links = new Map<Transport, FaultProxy>()
  const workers = new Set<WorkerHandle>()
  let closing: Promise<void> | undefined
  return {
    transport(overrides = {}) {
      const proxy = spare.pop()
      const transport = given.transport(proxy?.port ?? given.port, overrides)
      if (proxy !== undefined) links.set(transport, proxy)
      return transport
    },
    link(transport) {
      const proxy = links.get(transport)
      if (proxy === undefined) throw new Error('this transport has no proxy before it')
      return linkOf(proxy)
    },
    engine: {
      kill: async () => given.engine.kill(),
      restart: async () => given.engine.restart(),
      freeze: async () => given.engine.freeze(),
      thaw: async () => given.engine.thaw(),
    },
    ...(deadLetters && { deadLetters }),
    async spawnWorker(spec, record) {
      const proxy = await createFaultProxy({ target })
      proxies.push(proxy)
      const { transportModule } = given.worker
      const transportOptions = given.worker.transportOptions(proxy.port)
      const link = linkOf(proxy)
      const worker = await spawnWorkerProcess({ spec, record, transportModule, transportOptions, link })
      workers.add(worker)
      void worker.exited.then(() => workers.delete(worker))
      return worker
    },
    close() {
      closing ??= (async () => {
        // A case that failed leaves them; one that is frozen would outlive even this process.
        await Promise.all(Array.from(workers, (worker) => worker.kill()))
        await Promise.all(proxies.map((proxy) => proxy.close()))
        await given.close()
      })()
      return closing
    },
  }
}

function linkOf(proxy: FaultProxy): Link {
  return {
    async cut() {
      proxy.cut()
    },
    async stall() {
      proxy.stall()
    },
    async heal() {
      proxy.heal()
    },
    async delay(delayMs) {
      proxy.set(delayMs === 0 ? {} : { toTarget: { delayMs }, toClient: { delayMs } })
    },
  }
}
