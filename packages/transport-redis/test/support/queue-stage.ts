import {
  AetherError,
  type CompleteEvent,
  type ConsumeOptions,
  type Delivery,
  type Logger,
  type Route,
  type StatusEvent,
  type TaskMessage,
  type Transport,
} from '@aether/core'
import { type RedisServer, startRedis } from '@aether/services'
import { until } from '@aether/testing'
import { createLink } from '../../src/link/create-link.ts'
import type { RedisLink, Reply, Script } from '../../src/link/redis-link.ts'
import { createLists } from '../../src/lists/lists.ts'
import { type RedisOptions, resolveOptions } from '../../src/options.ts'
import type { QueueTransport } from '../../src/queue/queue-transport.ts'
import { createStreams } from '../../src/streams/streams.ts'
import type { QueueMode } from './worker-transport.ts'

export const queueModes: readonly QueueMode[] = ['streams', 'lists']

/** A transport with what its application sees. */
export interface QueuePeer {
  readonly transport: QueueTransport
  readonly events: readonly (StatusEvent | CompleteEvent)[]
  readonly log: readonly { readonly level: string; readonly message: string }[]
  completion(tid: string): Promise<CompleteEvent>
  completions(tid: string): readonly CompleteEvent[]
  consume(route: Route, options?: Partial<ConsumeOptions>): Promise<Hands>
}

/** What one consumer was handed. */
export interface Hands {
  readonly deliveries: readonly Delivery[]
  of(tid: string, attempt?: number): Promise<Delivery>
  close(): Promise<void>
}

/** One Redis, and transports of one mode to it. */
export interface QueueStage {
  readonly server: RedisServer
  /** Keys that match a glob. */
  keys(glob: string): Promise<readonly string[]>
  peer(options?: PeerOptions): Promise<QueuePeer>
  close(): Promise<void>
}

export interface PeerOptions extends Partial<RedisOptions> {
  /** Stands between the transport and its link. */
  readonly between?: (link: RedisLink) => RedisLink
}

export async function openQueueStage(mode: QueueMode, server?: RedisServer): Promise<QueueStage> {
  const own = server ?? (await startRedis())
  const opened: Transport[] = []
  return {
    server: own,
    keys: async (glob) => (await own.cli('KEYS', glob)).split('\n').filter((key) => key !== ''),
    async peer({ between = (link: RedisLink) => link, ...options }: PeerOptions = {}) {
      const peer = await startPeer(mode, between, { url: own.url, ...options })
      opened.push(peer.transport)
      return peer
    },
    async close() {
      await Promise.all(opened.map((transport) => transport.close({ signal: AbortSignal.abort() })))
      if (server === undefined) await own.close()
    },
  }
}

let lastUnion = 0

/** A route in a union of its own. */
export function newRoute(parts: Partial<Route> = {}): Route {
  return { union: `union-${++lastUnion}`, job: 'job', task: 'task', context: 'x', ...parts }
}

let lastTid = 0

export function taskOf(route: Route, parts: Partial<TaskMessage> = {}): TaskMessage {
  return {
    route,
    tid: `tid-${++lastTid}`,
    workgroup: 'workers',
    body: Buffer.from('{"n":1}'),
    codec: 'json',
    attempts: 3,
    deadline: Date.now() + 60_000,
    ttlMs: 0,
    delayMs: 0,
    priority: 4,
    waitForWorkers: true,
    client: 'tests',
    host: 'here',
    ...parts,
  }
}

export function completeOf(delivery: Delivery, parts: Partial<CompleteEvent> = {}): CompleteEvent {
  const { task, attempt } = delivery
  return {
    action: 'complete',
    route: task.route,
    tid: task.tid,
    client: 'worker',
    host: 'here',
    status: 'succeed',
    attempt,
    workgroup: task.workgroup,
    codec: 'json',
    body: Buffer.from('"done"'),
    ...parts,
  }
}

/** A link on which the answer to the first run of a script is lost, or to the first one at which `isTime`: the server did it, and nobody knows. */
export function losingAnswerOf(
  script: string,
  isTime: () => boolean = () => true,
): (link: RedisLink) => RedisLink {
  return (link) => {
    let isLost = false
    return betweenRuns(link, async (what, run) => {
      const reply = await run()
      if (isLost || !what.name.endsWith(` ${script}`) || !isTime()) return reply
      isLost = true
      throw new AetherError('ERR_AETHER_TRANSPORT_LOST', 'the answer was lost', { retryable: true })
    })
  }
}

/** A link whose scripts run through `around`. */
export function betweenRuns(
  link: RedisLink,
  around: (script: Script, run: () => Promise<Reply>) => Promise<Reply>,
): RedisLink {
  const run: RedisLink['run'] = (script, ...rest) => around(script, () => link.run(script, ...rest))
  return new Proxy(link, {
    get(target, name) {
      if (name === 'run') return run
      const value: unknown = Reflect.get(target, name)
      return typeof value === 'function' ? (value as (...all: unknown[]) => unknown).bind(target) : value
    },
  })
}

async function startPeer(
  mode: QueueMode,
  between: (link: RedisLink) => RedisLink,
  options: RedisOptions,
): Promise<QueuePeer> {
  const resolved = resolveOptions({ mode, backoff: { initialMs: 10, maxMs: 100 }, ...options })
  const link = between(createLink(resolved))
  const transport: QueueTransport =
    mode === 'lists' ? createLists(link, resolved) : createStreams(link, resolved)
  const events: (StatusEvent | CompleteEvent)[] = []
  const log: { level: string; message: string }[] = []
  const say =
    (level: string) =>
    (message: string): void => {
      // That the servers of these tests keep nothing is no finding.
      if (!message.includes('append-only file')) log.push({ level, message })
    }
  const logger: Logger = { debug: say('debug'), info: say('info'), warn: say('warn'), error: say('error') }
  await transport.start({
    union: 'of-this-peer',
    client: 'peer',
    host: 'here',
    onEvent: (event) => events.push(event),
    logger,
  })
  const completions = (tid: string): readonly CompleteEvent[] =>
    events.filter((event) => event.action === 'complete').filter((event) => event.tid === tid)
  return {
    transport,
    events,
    log,
    completions,
    completion: (tid) =>
      until(() => completions(tid)[0], { timeoutMs: 15_000, what: `completion of ${tid}` }),
    consume: (route, consume) => openHands(transport, route, consume),
  }
}

async function openHands(
  transport: QueueTransport,
  route: Route,
  options: Partial<ConsumeOptions> = {},
): Promise<Hands> {
  const deliveries: Delivery[] = []
  const consumer = await transport.consume(
    route,
    { workgroup: 'workers', credit: 16, leaseMs: 30_000, ...options },
    (delivery) => deliveries.push(delivery),
  )
  return {
    deliveries,
    close: () => consumer.close(),
    of: (tid, attempt) =>
      until(
        () =>
          deliveries.find(
            (delivery) =>
              delivery.task.tid === tid && (attempt === undefined || delivery.attempt === attempt),
          ),
        { timeoutMs: 15_000, what: `attempt ${attempt ?? 'any'} of ${tid}` },
      ),
  }
}
