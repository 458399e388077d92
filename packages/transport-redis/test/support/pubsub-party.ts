import {
  type CompleteEvent,
  type Delivery,
  type Logger,
  type Route,
  type StatusEvent,
  systemClock,
  type TaskMessage,
} from '@aether/core'
import { redisPubsubCapabilities } from '../../src/capabilities.ts'
import { PubSubTransport } from '../../src/pubsub/pubsub-transport.ts'
import type { PubSubSettings } from '../../src/pubsub/settings.ts'
import type { HubLink, LinkHub } from './link-hub.ts'

export const route: Route = { union: 'u', job: 'j', task: 't', context: 'x' }

let lastTid = 0

export function taskOf(parts: Partial<TaskMessage> = {}): TaskMessage {
  lastTid += 1
  return {
    route,
    tid: `tid-${lastTid}`,
    workgroup: 'workers',
    body: new Uint8Array([1, 2, 3]),
    codec: 'raw',
    attempts: 3,
    deadline: Date.now() + 20_000,
    ttlMs: 0,
    delayMs: 0,
    priority: 4,
    waitForWorkers: true,
    client: 'c',
    host: 'h',
    ...parts,
  }
}

export function completeOf(delivery: Delivery, parts: Partial<CompleteEvent> = {}): CompleteEvent {
  const { task, attempt } = delivery
  return {
    action: 'complete',
    status: 'succeed',
    route: task.route,
    tid: task.tid,
    attempt,
    workgroup: task.workgroup,
    client: 'w',
    host: 'h',
    codec: 'json',
    ...parts,
  }
}

/** One instance over a link that fails when told to. */
export interface Party {
  readonly transport: PubSubTransport
  readonly link: HubLink
  readonly events: readonly (StatusEvent | CompleteEvent)[]
  readonly log: readonly (readonly [level: string, message: string])[]
  completions(tid: string): readonly CompleteEvent[]
  consume(
    options?: { readonly credit?: number; readonly workgroup?: string },
    handler?: (delivery: Delivery) => void,
  ): Promise<Delivery[]>
}

export async function join(hub: LinkHub, settings: Partial<PubSubSettings> = {}): Promise<Party> {
  const link = hub.link()
  const transport = new PubSubTransport(
    link,
    {
      prefix: 'p:',
      maxPayloadBytes: 1_000_000,
      maxQueued: 1_000,
      maxOpen: 10_000,
      heartbeatMs: 150,
      queryMs: 60,
      maxHeld: 100,
      maxRecent: 100,
      clock: systemClock,
      ...settings,
    },
    redisPubsubCapabilities,
  )
  const events: (StatusEvent | CompleteEvent)[] = []
  const log: [string, string][] = []
  const at = (level: string) => (message: string) => void log.push([level, message])
  const logger: Logger = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
  await transport.start({
    union: 'u',
    client: 'c',
    host: 'h',
    onEvent: (event) => events.push(event),
    logger,
  })
  return {
    transport,
    link,
    events,
    log,
    completions: (tid) =>
      events.filter((event) => event.action === 'complete').filter((event) => event.tid === tid),
    async consume({ credit = 8, workgroup = 'workers' } = {}, handler) {
      const deliveries: Delivery[] = []
      await transport.consume(route, { workgroup, credit, leaseMs: 1_000 }, (delivery) => {
        deliveries.push(delivery)
        handler?.(delivery)
      })
      return deliveries
    },
  }
}
