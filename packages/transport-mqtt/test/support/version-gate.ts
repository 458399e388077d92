import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

export interface VersionGate {
  readonly url: string
  /** Versions of the CONNECT packets that came, in order. */
  readonly versions: readonly number[]
  close(): Promise<void>
}

/** CONNACK of MQTT 3.1.1: unacceptable protocol version. */
const refusal = Buffer.from([0x20, 0x02, 0x00, 0x01])

/** Stands before a real broker and lets only MQTT 3.1.1 in, as brokers did before there was MQTT 5. */
export async function startVersionGate(targetPort: number): Promise<VersionGate> {
  const versions: number[] = []
  const sockets = new Set<Socket>()
  const keep = (socket: Socket): void => {
    sockets.add(socket)
    socket.on('error', () => socket.destroy())
    socket.on('close', () => sockets.delete(socket))
  }
  const server = createServer((socket) => {
    keep(socket)
    socket.once('data', (first) => {
      // Fixed header, its length (one byte for any CONNECT this short, else more), "MQTT" with its length, the version.
      const nameAt = first.indexOf('MQTT')
      const version = first[nameAt + 4] ?? 0
      versions.push(version)
      if (version !== 4) {
        socket.end(refusal)
        return
      }
      const target = connect(targetPort, '127.0.0.1')
      keep(target)
      target.write(first)
      socket.pipe(target).pipe(socket)
      socket.on('close', () => target.destroy())
      target.on('close', () => socket.destroy())
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `mqtt://127.0.0.1:${(server.address() as AddressInfo).port}`,
    versions,
    async close() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
