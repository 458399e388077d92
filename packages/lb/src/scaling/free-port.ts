import { once } from 'node:events'
import { createServer } from 'node:net'

/** A port at this host that nobody listens at, and that is not one of `taken`: those may be given to processes that do not listen yet. */
export async function freePort(host: string, taken: ReadonlySet<number>): Promise<number> {
  for (;;) {
    const server = createServer()
    server.listen(0, host)
    await once(server, 'listening')
    const address = server.address()
    server.close()
    await once(server, 'close')
    const port = typeof address === 'object' && address !== null ? address.port : 0
    if (!taken.has(port)) return port
  }
}
