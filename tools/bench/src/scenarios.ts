import type { RoleName, Round } from './roles/role.ts'

export interface ScenarioRole {
  readonly role: RoleName
  /** Connections or tasks at a time in this process. */
  readonly width: number
}

export interface Scenario {
  readonly name: string
  readonly what: string
  readonly unit: string
  /** Whether more (throughput) or less (time, memory) is better; `less` without latencies is nanoseconds of each. */
  readonly better: 'more' | 'less'
  /** As the report calls them; `ours` comes first by itself. */
  readonly peers: readonly string[]
  /** Which contenders those names stand for. @default { ours: 'aether' }, and each peer for itself */
  readonly contenders?: Readonly<Record<string, string>>
  /** Fixed values to beat, in the unit; the report has them beside the peers. */
  readonly limits?: Readonly<Record<string, number>>
  /** The least ratio asked for, by peer or limit; ratio > 1 means ours is better. */
  readonly bars: Readonly<Record<string, number>>
  /** The seed's own published figure in the same unit. */
  readonly seed?: number
  /** Processes: the last one drives the round, the others answer it. */
  readonly roles: readonly ScenarioRole[]
  readonly round: Omit<Round, 'count'>
  /** How many messages one of `count` makes: ten in a fan-out to ten. */
  readonly multiple: number
}

/** The contender behind a name of the report. */
export function contenderOf(scenario: Scenario, name: string): string {
  return scenario.contenders?.[name] ?? (name === 'ours' ? 'aether' : name)
}

/** Perform to result with 256 in flight, 128 B, in two processes and a server. */
function tasks256(
  scenario: Pick<Scenario, 'name' | 'what' | 'peers' | 'bars'> & Partial<Scenario>,
): Scenario {
  return {
    unit: 'tasks/s',
    better: 'more',
    roles: [
      { role: 'worker', width: 256 },
      { role: 'performer', width: 256 },
    ],
    round: sized(128, 256),
    multiple: 1,
    ...scenario,
  }
}

const sized = (size: number, inFlight: number): Scenario['round'] => ({ size, inFlight, steps: 0 })

function pubsub(
  name: string,
  size: number,
  window: number,
  bars: Readonly<Record<string, number>>,
): Scenario {
  return {
    name,
    what: `one publisher to one subscriber, ${size} B`,
    unit: 'messages/s',
    better: 'more',
    peers: ['nats', 'mosquitto', 'redis', 'aedes'],
    bars,
    seed: 8000,
    roles: [
      { role: 'subscriber', width: 1 },
      { role: 'publisher', width: 1 },
    ],
    round: sized(size, window),
    multiple: 1,
  }
}

export const scenarios: readonly Scenario[] = [
  pubsub('pubsub-16', 16, 4096, { nats: 2, mosquitto: 5 }),
  pubsub('pubsub-128', 128, 4096, { nats: 2, mosquitto: 5 }),
  pubsub('pubsub-1k', 1024, 1024, { nats: 1.2 }),
  pubsub('pubsub-64k', 65_536, 32, { nats: 1.2 }),
  {
    name: 'fanout-10',
    what: 'one publisher to ten subscribers, 128 B',
    unit: 'deliveries/s',
    better: 'more',
    peers: ['nats', 'mosquitto', 'redis', 'aedes'],
    bars: { nats: 1 },
    seed: 8000,
    roles: [
      { role: 'subscriber', width: 10 },
      { role: 'publisher', width: 1 },
    ],
    round: sized(128, 1024),
    multiple: 10,
  },
  {
    name: 'rtt',
    what: 'sequential request/reply through the broker, 128 B; p50, and p99 beside it',
    unit: 'µs p50',
    better: 'less',
    peers: ['nats'],
    bars: { nats: 1 },
    seed: 124,
    roles: [
      { role: 'responder', width: 1 },
      { role: 'requester', width: 1 },
    ],
    round: sized(128, 1),
    multiple: 1,
  },
  {
    name: 'rpc-256',
    what: 'request/reply, 256 in flight, 128 B',
    unit: 'requests/s',
    better: 'more',
    peers: ['nats'],
    bars: { nats: 1.2 },
    seed: 8000,
    roles: [
      { role: 'responder', width: 1 },
      { role: 'requester', width: 1 },
    ],
    round: sized(128, 256),
    multiple: 1,
  },
  tasks256({
    name: 'tasks-256',
    what: 'perform to complete with lease and ack, 256 in flight, 128 B; the peer calls directly, with neither',
    peers: ['moleculer'],
    bars: { moleculer: 1 },
    seed: 8000,
  }),
  {
    name: 'progress-10',
    what: 'ten progress updates and a result per task, 64 in flight, 128 B',
    unit: 'tasks/s',
    better: 'more',
    peers: ['bullmq'],
    bars: { bullmq: 3 },
    roles: [
      { role: 'worker', width: 64 },
      { role: 'performer', width: 64 },
    ],
    round: { size: 128, inFlight: 64, steps: 10 },
    multiple: 1,
  },
  tasks256({
    name: 'redis-tasks-256',
    what: 'over Redis streams, complete after ack, 256 in flight, 128 B; the peer from add to finished',
    peers: ['bullmq'],
    contenders: { ours: 'aether-redis-streams' },
    bars: { bullmq: 4 },
  }),
  tasks256({
    name: 'redis-rpc-256',
    what: 'over Redis at most once, 256 in flight, 128 B',
    peers: ['moleculer'],
    contenders: { ours: 'aether-redis-pubsub', moleculer: 'moleculer-redis' },
    bars: { moleculer: 1.2 },
  }),
  tasks256({
    name: 'mqtt-tasks-256',
    what: 'over Mosquitto with QoS 1, lease and ack, 256 in flight, 128 B; the peer with neither lease nor ack, once as it comes (QoS 0) and once with QoS 1',
    peers: ['moleculer', 'moleculer-qos1'],
    contenders: { ours: 'aether-mqtt', moleculer: 'moleculer-mqtt', 'moleculer-qos1': 'moleculer-mqtt-qos1' },
    bars: { moleculer: 1.5, 'moleculer-qos1': 1.5 },
  }),
]
