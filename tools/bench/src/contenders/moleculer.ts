import { ServiceBroker } from 'moleculer'
import type { Contender, TaskClient, TaskInput, TaskOutput } from '../contender.ts'

/** The url names both seats of a pair: `tcp://client-port/worker-port`. */
async function tasks(url: string, seat: 'client' | 'worker'): Promise<TaskClient> {
  const [clientPort, workerPort] = url.replace('tcp://', '').split('/')
  const broker = new ServiceBroker({
    nodeID: seat,
    logger: false,
    metrics: false,
    tracing: false,
    registry: { preferLocal: false },
    requestTimeout: 30_000,
    transporter: {
      type: 'TCP',
      options: {
        udpDiscovery: false,
        port: Number(seat === 'client' ? clientPort : workerPort),
        urls: [`127.0.0.1:${clientPort}/client`, `127.0.0.1:${workerPort}/worker`],
      },
    },
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

export const moleculer: Contender = {
  name: 'moleculer',
  server: 'none',
  packages: ['moleculer'],
  tasks,
}
