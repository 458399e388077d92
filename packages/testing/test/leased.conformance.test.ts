import { setTimeout } from 'node:timers/promises'

import { leased, leasedCapabilities, type LeasedTransport } from '@aether/core'

import {
  startWorkerInProcess,
  testTransport,
  type Environment,
  type EnvironmentOptions,
} from '../src/index.ts'
import { type HubRelay, relayCapabilities, RelayHub } from './support/relay-hub.ts'

const capabilities = leasedCapabilities(relayCapabilities)

/** The caller is the queue: what an engine is asked to hold is what each transport holds. */
async function create({
  maxQueued,
  resultTtlMs,
}: EnvironmentOptions): Promise<Environment<typeof capabilities>> {
  const hub = new RelayHub()
  const made: LeasedTransport<typeof relayCapabilities>[] = []
  const over = (relay: HubRelay): LeasedTransport<typeof relayCapabilities> => {
    const one = leased(relay, {
      // All parties share one process: a busy machine must not take an answer for late.
      resendMs: 200,
      retryMs: 50,
      queryMs: 200,
      ...(maxQueued === undefined ? {} : { maxOpen: maxQueued }),
      ...(resultTtlMs === undefined ? {} : { resultTtlMs }),
    })
    made.push(one)
    return one
  }
  return {
    transport: () => over(hub.relay()),
    deadLetters: async () => made.flatMap((one) => one.deadLetters.map(({ task }) => task.tid)),
    spawnWorker(spec, record) {
      const relay = hub.relay()
      return startWorkerInProcess({
        spec,
        record,
        transport: over(relay),
        // A little later: a worker that dies in the turn of a first offer never said so, and the attempt is another's, see core's docs/leases.md.
        vanish: async () => {
          await setTimeout(20)
          relay.vanish()
        },
        link: {
          cut: async () => void (relay.isCut = true),
          heal: async () => void (relay.isCut = false),
        },
      })
    },
    close: async () => {
      await Promise.all(made.map((one) => one.close()))
    },
  }
}

testTransport({
  name: 'leased',
  capabilities,
  create,
  faults: ['worker-kill', 'worker-freeze', 'worker-cut'],
})
