import { createServer } from 'node:net'

/** Below the ports that systems hand out for outgoing connections: a client that keeps knocking at a server that is down could be given its port. */
const lowest = 10_000
const highest = 22_000

/** A port of the loopback interface on which nothing listens; nor at `offset` above it, where one is given. */
export async function freePort(offset = 0): Promise<number> {
  for (;;) {
    const port = lowest + Math.floor(Math.random() * (highest - lowest))
    if ((await isFree(port)) && (offset === 0 || (await isFree(port + offset)))) return port
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer()
    probe.once('error', () => resolve(false))
    probe.listen({ port, host: '127.0.0.1', exclusive: true }, () => probe.close(() => resolve(true)))
  })
}
