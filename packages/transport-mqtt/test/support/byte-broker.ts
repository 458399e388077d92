import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { until } from '@aether/testing'

/** Packets of MQTT by the high half of their first byte. */
export const packetType = {
  connect: 1,
  publish: 3,
  subscribe: 8,
  unsubscribe: 10,
  pingreq: 12,
  disconnect: 14,
} as const

export interface ByteBroker {
  readonly port: number
  /** What the client sent, whole packets, in order. */
  readonly packets: readonly Buffer[]
  say(bytes: readonly number[]): void
  /** Resolves when the client has closed its side. */
  readonly end: Promise<'closed'>
  /** The `nth` packet of a type that came, from 0. */
  packet(type: number, nth?: number): Promise<Buffer>
  close(): Promise<void>
}

/** A broker that says what a test has it say, byte for byte, to the one client that comes; CONNECT is answered by `connack`. */
export async function startByteBroker(connack: readonly number[]): Promise<ByteBroker> {
  const packets: Buffer[] = []
  let client: Socket | undefined
  let ended: () => void = () => undefined
  const end = new Promise<'closed'>((resolve) => (ended = () => resolve('closed')))
  // One that is frozen answers no goodbye either.
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    client = socket
    let rest = Buffer.alloc(0)
    socket.on('error', () => socket.destroy())
    socket.on('end', ended).on('close', ended)
    socket.on('data', (chunk) => {
      rest = Buffer.concat([rest, chunk])
      for (let length = lengthOf(rest); length > 0 && rest.length >= length; length = lengthOf(rest)) {
        const packet = rest.subarray(0, length)
        rest = rest.subarray(length)
        packets.push(packet)
        if (typeOf(packet) === packetType.connect) socket.write(Buffer.from(connack))
      }
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    packets,
    end,
    say: (bytes) => void client?.write(Buffer.from(bytes)),
    packet: (type, nth = 0) => until(() => packets.filter((one) => typeOf(one) === type)[nth]),
    async close() {
      client?.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

function typeOf(packet: Buffer): number {
  return (packet[0] ?? 0) >> 4
}

/** Of the packet that begins here; 0 where that cannot be said yet. */
function lengthOf(bytes: Buffer): number {
  let length = 0
  for (let index = 1; index <= 4; index++) {
    const byte = bytes[index]
    if (byte === undefined) return 0
    length += (byte & 0x7f) * 128 ** (index - 1)
    if (byte < 0x80) return length + index + 1
  }
  return 0
}
