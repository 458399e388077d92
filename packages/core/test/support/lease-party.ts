import type { ErrorShape } from '../../src/errors.ts'
import { leased, type LeasedTransport } from '../../src/lease/leased.ts'
import type { LeaseOptions } from '../../src/lease/lease-options.ts'
import type {
  CompleteEvent,
  ConsumeOptions,
  Consumer,
  Delivery,
  StatusEvent,
  TaskMessage,
} from '../../src/transport.ts'
import { LossyHub, type HubRelay } from './lossy-hub.ts'
import { ProcessClock, SteppedClock } from './stepped-clock.ts'

export const route = { union: 'u', job: 'j', task: 't', context: 'x' }
export const silent = { debug() {}, info() {}, warn() {}, error() {} }

/** One instance on the hub, with a clock of its own. */
export interface Member {
  readonly transport: LeasedTransport
  readonly relay: HubRelay
  readonly clock: ProcessClock
  readonly events: (CompleteEvent | StatusEvent)[]
  readonly deliveries: Delivery[]
  completions(tid: string): CompleteEvent[]
  consume(options?: Partial<ConsumeOptions>, handler?: (delivery: Delivery) => void): Promise<Consumer>
  kill(): void
  freeze(): void
  thaw(): void
}

export interface Party {
  readonly clock: SteppedClock
  readonly hub: LossyHub
  member(name: string, options?: PartyOptions): Promise<Member>
  /** Closes every member; then only messages still under way may have timers. */
  close(): Promise<void>
}

/** The clock is the party's own. */
export type PartyOptions = Omit<LeaseOptions, 'clock'>

export function party(defaults: PartyOptions = {}): Party {
  const clock = new SteppedClock()
  const hub = new LossyHub(clock)
  const members: Member[] = []
  return {
    clock,
    hub,
    async member(name, options = {}) {
      const made = await makeMember(hub, name, {
        clock: new ProcessClock(clock),
        random: () => 0,
        ...defaults,
        ...options,
      })
      members.push(made)
      return made
    },
    async close() {
      const closing = Promise.all(members.map(async ({ transport }) => transport.close()))
      await clock.advance(10)
      await closing
      await clock.advance(100_000)
    },
  }
}

async function makeMember(
  hub: LossyHub,
  name: string,
  options: PartyOptions & { readonly clock: ProcessClock },
): Promise<Member> {
  const relay = hub.relay(name)
  const transport = leased(relay, options)
  const events: (CompleteEvent | StatusEvent)[] = []
  const deliveries: Delivery[] = []
  await transport.start({
    union: 'u',
    client: name,
    host: `host-${name}`,
    logger: silent,
    onEvent: (event) => events.push(event),
  })
  return {
    transport,
    relay,
    clock: options.clock,
    events,
    deliveries,
    completions: (tid) =>
      events.filter((event): event is CompleteEvent => event.action === 'complete' && event.tid === tid),
    consume: async (consume = {}, handler) =>
      transport.consume(
        route,
        { workgroup: 'workers', credit: 10, leaseMs: 3_000, ...consume },
        (delivery) => {
          deliveries.push(delivery)
          handler?.(delivery)
        },
      ),
    kill() {
      relay.kill()
      options.clock.kill()
    },
    freeze() {
      relay.freeze()
      options.clock.freeze()
    },
    thaw() {
      options.clock.thaw()
      relay.thaw()
    },
  }
}

export function taskOf(tid: string, over: Partial<TaskMessage> = {}): TaskMessage {
  return {
    route,
    tid,
    workgroup: 'workers',
    body: new TextEncoder().encode('{"n":1}'),
    codec: 'json',
    attempts: 3,
    deadline: 1_800_000_060_000,
    ttlMs: 0,
    delayMs: 0,
    priority: 4,
    waitForWorkers: true,
    client: 'caller',
    host: 'here',
    ...over,
  }
}

export function completeOf(delivery: Delivery, over: Partial<CompleteEvent> = {}): CompleteEvent {
  return {
    action: 'complete',
    route,
    tid: delivery.task.tid,
    client: 'worker',
    host: 'there',
    status: 'succeed',
    attempt: delivery.attempt,
    workgroup: 'workers',
    codec: 'json',
    ...over,
  }
}

export function statusOf(delivery: Delivery, seq: number): StatusEvent {
  return {
    action: 'status',
    route,
    tid: delivery.task.tid,
    client: 'worker',
    host: 'there',
    status: 'progress',
    progress: seq,
    seq,
    attempt: delivery.attempt,
    workgroup: 'workers',
    codec: 'json',
  }
}

export const failure: ErrorShape = { code: 'ERR_AETHER_TASK_FAILED', message: 'no luck', retryable: true }

/** What became of a promise, without waiting for it. */
export function outcomeOf(promise: Promise<unknown>): { value: string } {
  const outcome = { value: 'pending' }
  promise.then(
    () => (outcome.value = 'resolved'),
    (error: { code?: string }) => (outcome.value = error.code ?? 'no code'),
  )
  return outcome
}
