import { type BrokerOptions, ServiceBroker } from 'moleculer'
import type { Contender, TaskClient, TaskInput, TaskOutput } from '../contender.ts'

type Seat = 'client' | 'worker'
type Transporter = Exclude<BrokerOptions['transporter'], undefined>

async function tasks(seat: Seat, transporter: Transporter): Promise<TaskClient> {
  const broker = new ServiceBroker({
    nodeID: seat,
    logger: false,
    metrics: false,
    tracing: false,
    registry: { preferLocal: false },
    requestTimeout: 30_000,
    transporter,
  })
  if (seat === 'worker') {
    broker.createService({
      name: 'bench',
      actions: {
        echo: (context: { params: TaskInput }): TaskOutput => ({
          n: context.params.n,
          length: context.params.text.length,
        }),
      },
    })
  }
  await broker.start()
  if (seat === 'client') await broker.waitForServices('bench', 20_000)
  return {
    perform: (input) => broker.call<TaskOutput, TaskInput>('bench.echo', input),
    work: async () => undefined,
    close: () => broker.stop(),
  }
}

/** The url names both seats of a pair: `tcp://client-port/worker-port`. */
function tcp(url: string, seat: Seat): Transporter {
  const [clientPort, workerPort] = url.replace('tcp://', '').split('/')
  return {
    type: 'TCP',
    options: {
      udpDiscovery: false,
      port: Number(seat === 'client' ? clientPort : workerPort),
      urls: [`127.0.0.1:${clientPort}/client`, `127.0.0.1:${workerPort}/worker`],
    },
  }
}

function redis(url: string): Transporter {
  const { hostname, port } = new URL(url)
  return { type: 'Redis', options: { host: hostname, port: Number(port), enableAutoPipelining: true } }
}

function mqtt(url: string, qos: 0 | 1): Transporter {
  const { hostname, port } = new URL(url)
  return { type: 'MQTT', options: { host: hostname, port: Number(port), qos } }
}

/** From node to node, without a server. */
export const moleculer: Contender = {
  name: 'moleculer',
  server: 'none',
  packages: ['moleculer'],
  tasks: (url, seat) => tasks(seat, tcp(url, seat)),
}

export const moleculerRedis: Contender = {
  name: 'moleculer-redis',
  server: 'redis',
  packages: ['moleculer', 'ioredis'],
  tasks: (url, seat) => tasks(seat, redis(url)),
}

/** As Moleculer comes: QoS 0. */
export const moleculerMqtt: Contender = {
  name: 'moleculer-mqtt',
  server: 'mosquitto',
  packages: ['moleculer', 'mqtt'],
  tasks: (url, seat) => tasks(seat, mqtt(url, 0)),
}

export const moleculerMqttQos1: Contender = {
  ...moleculerMqtt,
  name: 'moleculer-mqtt-qos1',
  tasks: (url, seat) => tasks(seat, mqtt(url, 1)),
}
