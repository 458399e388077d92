import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

export interface BrokerGate {
  readonly url: string
  /** Connections that clients have made so far. */
  readonly made: number
  /** Connections of clients that stand now. */
  readonly open: number
  /** Says something in the broker's name: to every client, or to the one that came as the `nth`, from 0. */
  say(bytes: Buffer, nth?: number): void
  /** Ends the connection of the `nth` client. */
  cut(nth: number): void
  /** Whether further clients are turned away. */
  shut(isShut: boolean): void
  close(): Promise<void>
}

export interface BrokerGateOptions {
  /** Without, the broker seems to know no subscription identifiers, as MQTT 5 allows it. @default true */
  readonly hasSubscriptionIds?: boolean
}

/** Stands before a real broker and can say something in its name. */
export async function startBrokerGate(port: number, options: BrokerGateOptions = {}): Promise<BrokerGate> {
  const { hasSubscriptionIds = true } = options
  const clients: Socket[] = []
  let isShut = false
  const gate = createServer((client) => {
    client.on('error', () => client.destroy())
    if (isShut) return void client.destroy()
    const broker = connect(port, '127.0.0.1')
    clients.push(client)
    broker.on('error', () => client.destroy())
    client.on('close', () => broker.destroy())
    broker.on('close', () => client.destroy())
    client.pipe(broker)
    broker.once('data', (connack: Buffer) => {
      client.write(hasSubscriptionIds ? connack : withoutSubscriptionIds(connack))
      broker.pipe(client)
    })
  })
  gate.listen(0, '127.0.0.1')
  await once(gate, 'listening')
  return {
    url: `mqtt://127.0.0.1:${(gate.address() as AddressInfo).port}`,
    get made() {
      return clients.length
    },
    get open() {
      return clients.filter(({ destroyed }) => !destroyed).length
    },
    say(bytes, nth) {
      for (const client of nth === undefined ? clients : clients.slice(nth, nth + 1)) client.write(bytes)
    },
    cut: (nth) => clients[nth]?.destroy(),
    shut: (value) => (isShut = value),
    async close() {
      for (const client of clients) client.destroy()
      gate.close()
      await once(gate, 'close')
    },
  }
}

/** Adds the property 0x29 with the value 0 to a CONNACK of MQTT 5 whose lengths are single bytes. */
function withoutSubscriptionIds(connack: Buffer): Buffer {
  const [type = 0, length = 0, flags = 0, reason = 0, propertiesLength = 0] = connack
  return Buffer.concat([
    Buffer.from([type, length + 2, flags, reason, propertiesLength + 2, 0x29, 0]),
    connack.subarray(5),
  ])
}
