import type { Capabilities, Transport } from '@aether/core'

import type { ConformanceOptions, Environment, EnvironmentOptions, TransportOverrides } from '../harness.ts'
import { recordTransport } from '../history/record-transport.ts'
import { createRecorder } from '../history/recorder.ts'
import { createSeededRandom } from '../seeded-random.ts'
import { startPeer } from './peer.ts'
import type { Peer, PeerOptions } from './peer.ts'
import type { CaseContext, SuiteCase } from './suite-case.ts'

let caseCount = 0

/** Runs one case on an environment of its own and closes everything after it; rejects with what the case found, or what closing it did. */
export async function runCase<C extends Capabilities>(
  suiteCase: SuiteCase,
  options: ConformanceOptions<C>,
): Promise<void> {
  caseCount += 1
  const opened = openContext(options, `union-${String(caseCount)}`)
  const failures: unknown[] = []
  try {
    await suiteCase.run(opened.context)
  } catch (error) {
    failures.push(error)
  }
  for (const cleanup of opened.cleanups.toReversed()) {
    try {
      await cleanup()
    } catch (error) {
      failures.push(error)
    }
  }
  if (failures.length === 1) throw failures[0]
  if (failures.length > 1) throw new AggregateError(failures, `${suiteCase.name}: ${failures.join('; ')}`)
}

interface OpenedContext {
  readonly context: CaseContext
  readonly cleanups: (() => Promise<void> | void)[]
}

function openContext<C extends Capabilities>(options: ConformanceOptions<C>, union: string): OpenedContext {
  const cleanups: (() => Promise<void> | void)[] = []
  const recorder = createRecorder()
  let environment: Promise<Environment> | undefined
  let peers = 0
  const open = (environmentOptions: EnvironmentOptions = {}): Promise<Environment> => {
    environment ??= options.create(environmentOptions).then((created) => {
      cleanups.unshift(() => created.close())
      return created
    })
    return environment
  }
  const transport = async (overrides?: TransportOverrides): Promise<Transport> => {
    const made = (await open()).transport(overrides)
    cleanups.push(() => made.close({ signal: AbortSignal.timeout(5_000) }))
    return made
  }
  const peer = async (peerOptions: PeerOptions = {}): Promise<Peer> => {
    peers += 1
    const client = peerOptions.client ?? `peer-${String(peers)}`
    const made = await transport(peerOptions.overrides)
    const recorded = recordTransport(made, { by: client, record: (entry) => recorder.record(entry) })
    return { ...(await startPeer(recorded, union, client)), plain: made }
  }
  const context: CaseContext = {
    capabilities: options.capabilities,
    faults: options.faults ?? [],
    union,
    random: createSeededRandom(options.seed ?? 1),
    recorder,
    environment: open,
    transport,
    peer,
    defer: (cleanup) => cleanups.push(cleanup),
  }
  return { context, cleanups }
}
