import type {
  CompleteEvent,
  ConsumeOptions,
  Consumer,
  Delivery,
  Route,
  StatusEvent,
  Transport,
} from '@aether/core'

import type { TransportOverrides } from '../harness.ts'
import { until } from '../until.ts'

export interface PeerOptions {
  /** @default 'peer-N' */
  readonly client?: string
  readonly overrides?: TransportOverrides
}

/** What a consumer was handed, in order. */
export interface TaskInbox {
  readonly deliveries: readonly Delivery[]
  readonly consumer: Consumer
  /** The delivery at `index`, waited for. */
  at(index: number): Promise<Delivery>
  /** The first delivery of `tid`, or that of the given attempt, waited for. */
  of(tid: string, attempt?: number): Promise<Delivery>
}

/** A started transport whose events are kept. */
export interface Peer {
  readonly client: string
  /** Records what passes through it. */
  readonly transport: Transport
  /** The environment's own object, which `Environment.link` knows. */
  readonly plain: Transport
  readonly events: readonly (StatusEvent | CompleteEvent)[]
  completions(tid: string): readonly CompleteEvent[]
  statuses(tid: string): readonly StatusEvent[]
  /** The first completion of `tid`, waited for. */
  completion(tid: string, timeoutMs?: number): Promise<CompleteEvent>
  /** Consumes, keeping every delivery; `handler` also gets each. */
  consume(
    route: Route,
    options?: Partial<ConsumeOptions>,
    handler?: (delivery: Delivery) => void,
  ): Promise<TaskInbox>
}

/** What a consumer of the suite asks for where a case does not say otherwise. */
export const consumeDefaults: ConsumeOptions = { workgroup: 'workers', credit: 16, leaseMs: 10_000 }

/** Starts `transport` for `union` as the application instance `client`. */
export async function startPeer(
  transport: Transport,
  union: string,
  client: string,
): Promise<Omit<Peer, 'plain'>> {
  const events: (StatusEvent | CompleteEvent)[] = []
  await transport.start({
    union,
    client,
    host: 'suite',
    onEvent: (event) => events.push(event),
    logger: silentLogger,
  })
  const completions = (tid: string): CompleteEvent[] =>
    events.filter((event) => event.action === 'complete').filter((event) => event.tid === tid)
  return {
    client,
    transport,
    events,
    completions,
    statuses: (tid) =>
      events.filter((event) => event.action === 'status').filter((event) => event.tid === tid),
    completion: (tid, timeoutMs = 10_000) =>
      until(() => completions(tid)[0], { timeoutMs, what: `completion of ${tid} at ${client}` }),
    consume: (route, options, handler) => openInbox(transport, { route, options, handler }),
  }
}

interface InboxCall {
  readonly route: Route
  readonly options: Partial<ConsumeOptions> | undefined
  readonly handler: ((delivery: Delivery) => void) | undefined
}

async function openInbox(transport: Transport, call: InboxCall): Promise<TaskInbox> {
  const deliveries: Delivery[] = []
  const consumer = await transport.consume(
    call.route,
    { ...consumeDefaults, ...call.options },
    (delivery) => {
      deliveries.push(delivery)
      call.handler?.(delivery)
    },
  )
  const find = (tid: string, attempt: number | undefined): Delivery | undefined =>
    deliveries.find(
      (delivery) => delivery.task.tid === tid && (attempt === undefined || delivery.attempt === attempt),
    )
  return {
    deliveries,
    consumer,
    at: (index) => until(() => deliveries[index], { what: `delivery ${String(index)}` }),
    of: (tid, attempt) =>
      until(() => find(tid, attempt), { what: `attempt ${String(attempt ?? 'any')} of ${tid}` }),
  }
}

const silentLogger = { debug: silent, info: silent, warn: silent, error: silent }

function silent(): void {
  // Transports under test may report what they like; the suite judges what they do.
}
