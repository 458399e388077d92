import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'
import { LbError } from '../errors.ts'
import { reasonText } from '../reason-text.ts'

/**
 * Below those that systems give to whoever connects or listens at port 0: one of these could be somebody else's in the moment before the process listens that
 * it is meant for.
 */
const first = 20_000
const count = 12_000

/** A port at this host that nobody listens at, put into `taken` at once. `ERR_AETHER_BACKENDS_NONE` where there is none. */
export async function reservePort(host: string, taken: Set<number>): Promise<number> {
  // Another program that does the same begins elsewhere.
  const start = randomInt(count)
  for (let step = 0; step < count; step++) {
    const port = first + ((start + step) % count)
    if (taken.has(port)) continue
    taken.add(port)
    const error = await tryToListen(host, port)
    if (error === undefined) return port
    taken.delete(port)
    // Somebody else's, or nobody's to have; all else is no better at the next one.
    if (error.code === 'EADDRINUSE' || error.code === 'EACCES') continue
    throw new LbError('ERR_AETHER_BACKENDS_NONE', `no process can listen at ${host}: ${reasonText(error)}`, {
      cause: error,
    })
  }
  throw new LbError(
    'ERR_AETHER_BACKENDS_NONE',
    `no port of ${host} from ${first} to ${first + count - 1} is free`,
  )
}

function tryToListen(host: string, port: number): Promise<NodeJS.ErrnoException | undefined> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', resolve)
    server.listen(port, host, () => server.close(() => resolve(undefined)))
  })
}
