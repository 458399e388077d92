import { program } from '../install/program.ts'
import { freePort } from '../process/free-port.ts'
import type { Service } from '../process/service.ts'
import { startSupervised } from '../process/supervised.ts'

export interface NatsServerOptions {
  /** @default a free one */
  readonly port?: number
  /** Where JetStream keeps its data, where `args` ask for it; `close` leaves it there. @default a temporary one */
  readonly folder?: string
  /** Further arguments of the command line. */
  readonly args?: readonly string[]
  /** @default 15_000 */
  readonly readyTimeoutMs?: number
}

/** A nats-server of its own. */
export async function startNats(options: NatsServerOptions = {}): Promise<Service> {
  return startSupervised({
    name: 'nats-server',
    program: await program('nats-server', 'nats-server'),
    folder: options.folder,
    mayMove: options.port === undefined,
    readyTimeoutMs: options.readyTimeoutMs ?? 15_000,
    ready: /Server is ready/,
    version: /Version:\s+(\S+)/,
    arrange: async (_home, folder) => {
      const port = options.port ?? (await freePort())
      const args = ['-a', '127.0.0.1', '-p', String(port), '-sd', folder, ...(options.args ?? [])]
      return { port, url: `nats://127.0.0.1:${port}`, args }
    },
  })
}
