import { freePort, NotInstalled, type Service, startMosquitto, startNats, startRedis } from '@aether/services'
import type { Contender } from './contender.ts'
import { startNodeServer } from './node-server.ts'
import { cpuOf, rssOf } from './process-cost.ts'

/** A server that the harness started for one contender, on a free port and in a folder of its own. */
export interface Server {
  readonly url: string
  readonly version: string
  /** Microseconds of CPU its process has used; 0 where there is none. */
  cpuUs(): number
  /** Resident memory of its process, after its garbage was collected where it can be asked to. */
  rssBytes(): Promise<number>
  close(): Promise<void>
}

/** Says which peer is missing, and how to get it. */
export class MissingPeer extends Error {}

/** A bench wants every message: no limit on what waits for the subscriber. */
const mosquittoConfig = 'max_queued_messages 0\nmax_inflight_messages 0\nset_tcp_nodelay true'

/** `nodeFlags` go to those servers that are Node processes. */
export async function startServer(
  kind: Contender['server'],
  nodeFlags: readonly string[] = [],
): Promise<Server> {
  switch (kind) {
    case 'none':
      return noServer()
    case 'aether':
    case 'aedes':
      return startNodeServer(kind, nodeFlags)
    case 'nats':
      return measured(startNats())
    case 'redis':
      return measured(startRedis())
    case 'mosquitto':
      return measured(startMosquitto({ config: mosquittoConfig }))
  }
}

/** Both seats of a pair without a server listen: the url names their ports, `tcp://client/worker`. */
async function noServer(): Promise<Server> {
  const ports = [await freePort(), await freePort()]
  return {
    url: `tcp://${ports.join('/')}`,
    version: '',
    cpuUs: () => 0,
    rssBytes: async () => 0,
    close: async () => undefined,
  }
}

async function measured(starting: Promise<Service>): Promise<Server> {
  const service = await starting.catch((error: unknown) => {
    throw error instanceof NotInstalled ? new MissingPeer(error.message) : error
  })
  return {
    url: service.url,
    version: service.version,
    cpuUs: () => cpuOf(service.pid),
    rssBytes: async () => rssOf(service.pid),
    close: () => service.close(),
  }
}
