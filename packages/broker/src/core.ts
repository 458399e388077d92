import type { Socket } from 'node:net'
import { createEngine } from '@aether/engine'
import { writeError, writeGoodbye } from '@aether/wire'
import { Commands } from './connection/commands.ts'
import { Connection, type ConnectionHost } from './connection/connection.ts'
import {
  type BrokerDeadLetter,
  type DeadLetterKey,
  describeDeadLetter,
  redriveDeadLetter,
} from './tasks/dead-letters.ts'
import { errorShape } from './errors.ts'
import { Forwarding } from './pubsub/forwarding.ts'
import { Frames } from './connection/frames.ts'
import { Greeting } from './connection/greeting.ts'
import { Heartbeats } from './connection/heartbeats.ts'
import { Interest } from './pubsub/interest.ts'
import { Operator } from './operator.ts'
import type { BrokerConfig } from './options.ts'
import { Pubsub } from './pubsub/pubsub.ts'
import { Requests } from './requests/requests.ts'
import { Stalls } from './pubsub/stalls.ts'
import type { BrokerStats } from './stats.ts'
import { TaskEffects } from './tasks/task-effects.ts'
import { TaskEvents } from './tasks/task-events.ts'
import type { Watcher } from './tasks/task-state.ts'
import { type TaskEngine, Tasks } from './tasks/tasks.ts'
import { Ticker } from './ticker.ts'
import { Topics } from './pubsub/topics.ts'
import { Turn } from './connection/turn.ts'
import { version } from './version.ts'

/** Bytes of a frame beside its payload: names, headers, numbers. */
const FRAME_EXTRA_BYTES = 65_536
/** How long a connection that was told why it ends may take to hear it. */
const LINGER_MS = 1_000

/** Everything but listening: connections, and what each frame does. */
export class BrokerCore implements ConnectionHost {
  readonly maxFrameBytes: number
  readonly highWaterBytes: number
  readonly maxOutboundBytes: number
  readonly connections: Set<Connection> = new Set()
  readonly topics: Topics
  readonly interest: Interest = new Interest()
  readonly forwarding: Forwarding
  readonly engine: TaskEngine
  readonly commands: Commands = new Commands()
  readonly operator: Operator
  readonly events: TaskEvents
  readonly effects: TaskEffects
  readonly stalls: Stalls
  isDraining = false
  readonly #config: BrokerConfig
  readonly #frames: Frames
  readonly #greeting: Greeting
  readonly #pubsub: Pubsub
  readonly #requests: Requests
  readonly #tasks: Tasks
  readonly #heartbeats: Heartbeats
  readonly #turn: Turn
  readonly #ticker: Ticker
  /** Sockets whose connection is over but for its last words, and when they are cut off. */
  readonly #lingering = new Map<Socket, number>()
  readonly #startedAt = performance.now()
  #lastConnection = 0
  #turnedAway = 0
  #broken = 0
  #overrun = 0

  constructor(config: BrokerConfig) {
    const now = this.now()
    this.#config = config
    this.maxFrameBytes = config.maxPayloadBytes + FRAME_EXTRA_BYTES
    this.highWaterBytes = config.highWaterBytes
    this.maxOutboundBytes = config.maxOutboundBytes
    this.topics = new Topics(this.interest, config.maxTopics, { now })
    this.stalls = new Stalls(config.maxStallMs, this.now)
    this.forwarding = new Forwarding(this.topics, this.interest, this.stalls, config)
    this.events = new TaskEvents(this.interest.tasks, this.forwarding)
    this.effects = new TaskEffects(this.events, config.logger)
    this.engine = createEngine<Uint8Array, Uint8Array, Watcher, Connection>(
      {
        clock: { now: this.now },
        random: Math.random,
        dispatch: config.dispatch,
        limits: config.limits,
        resultBytes: (block) => (block as Uint8Array).length,
      },
      this.effects,
    )
    this.operator = new Operator(this)
    this.#greeting = new Greeting({ ...config, maxFrameBytes: this.maxFrameBytes, version })
    this.#pubsub = new Pubsub(this, config)
    this.#requests = new Requests(this, config)
    this.#tasks = new Tasks(this, { ...config, maxFrameBytes: this.maxFrameBytes })
    this.#frames = new Frames({
      commands: this.commands,
      greeting: this.#greeting,
      forwarding: this.forwarding,
      pubsub: this.#pubsub,
      requests: this.#requests,
      tasks: this.#tasks,
    })
    this.#heartbeats = new Heartbeats(this.connections, config.heartbeatMs, now)
    this.#ticker = new Ticker(this.#timed(), this.now)
    this.#turn = new Turn(() => this.#ticker.arm())
  }

  readonly now = (): number => performance.now()

  /** Takes over a socket that was just accepted. */
  accept(socket: Socket): void {
    this.#lastConnection++
    const connection = new Connection(this.#lastConnection, socket, this)
    this.connections.add(connection)
    if (this.isDraining)
      return this.#end(connection, 'ERR_AETHER_TRANSPORT_CLOSED', 'The broker is shutting down.')
    if (this.connections.size > this.#config.maxConnections) {
      this.#turnedAway++
      const limit = this.#config.maxConnections
      return this.#end(
        connection,
        'ERR_AETHER_QUEUE_FULL',
        `The broker has its limit of ${limit} connections.`,
      )
    }
    this.#greeting.expect(connection, this.now())
    this.#turn.wake()
  }

  touch(connection: Connection): void {
    this.#turn.touch(connection)
  }

  frame(connection: Connection, type: number, bytes: Uint8Array, start: number, end: number): void {
    this.#frames.handle(connection, type, bytes, start, end)
  }

  heard(connection: Connection): void {
    this.engine.heard(connection)
  }

  chunkDone(): void {
    this.forwarding.flush()
  }

  congested(connection: Connection): void {
    this.#tasks.hold(connection)
  }

  relieved(connection: Connection): void {
    this.stalls.relieve(connection)
    this.#tasks.unhold(connection)
  }

  broke(connection: Connection, error: unknown): void {
    try {
      this.forwarding.flush()
    } catch {
      // The first error is the one to tell; the messages before it were broken too.
    }
    let { code, message } = errorShape(error)
    // Whatever it is that does not begin with HELLO, its first four bytes are no length.
    if (!connection.open && code === 'ERR_AETHER_FRAME_TOO_LARGE') {
      code = 'ERR_AETHER_FRAME_INVALID'
      message = 'What came is not the Aether protocol: is this the right port?'
    }
    this.#broken++
    const fields = {
      code,
      client: connection.client,
      host: connection.host,
      address: connection.socket.remoteAddress,
    }
    if (code === 'ERR_AETHER_TRANSPORT_LOST')
      this.#config.logger.error('handling a frame failed', { ...fields, error })
    else this.#config.logger.warn('a connection broke the protocol', { ...fields, message })
    this.#end(connection, code, message)
  }

  overran(connection: Connection): void {
    this.#overrun++
    this.#config.logger.warn('a connection does not read what it asked for', {
      client: connection.client,
      waitingBytes: connection.waitingBytes,
    })
    connection.drop()
  }

  ended(connection: Connection): void {
    this.connections.delete(connection)
    this.#greeting.forget(connection)
    this.stalls.forget(connection)
    this.#pubsub.forget(connection)
    this.#requests.forget(connection)
    this.#tasks.forget(connection)
    // Whoever held it back is gone with it: what the peer still says is read and thrown away, so that our last words arrive.
    if (!connection.socket.destroyed) {
      connection.socket.resume()
      this.#lingering.set(connection.socket, this.now() + LINGER_MS)
      connection.socket.once('close', () => this.#lingering.delete(connection.socket))
    }
    this.#turn.wake()
  }

  stats(): BrokerStats {
    return {
      uptimeMs: Math.round(this.now() - this.#startedAt),
      connections: this.connections.size,
      accepted: this.#lastConnection,
      turnedAway: this.#turnedAway,
      broken: this.#broken,
      lost: this.#heartbeats.lost,
      overrun: this.#overrun,
      subscriptions: this.interest.size,
      topics: this.topics.size,
      published: this.forwarding.received,
      delivered: this.forwarding.delivered,
      dropped: this.stalls.dropped,
      requests: this.#requests.received,
      requestsPending: this.#requests.pending,
      requestsTimedOut: this.#requests.timedOut,
      commandsRefused: this.commands.refused,
      tasks: this.engine.stats(),
    }
  }

  *deadLetters(): Iterable<BrokerDeadLetter> {
    const now = this.now()
    for (const letter of this.engine.deadLetters()) yield describeDeadLetter(letter, now)
  }

  redrive(key: DeadLetterKey): string | undefined {
    return redriveDeadLetter(this.engine, key)
  }

  /** No new work from now on; what runs may end. */
  drain(): void {
    this.isDraining = true
    for (const connection of this.connections) {
      if (!connection.open) {
        this.#end(connection, 'ERR_AETHER_TRANSPORT_CLOSED', 'The broker is shutting down.')
        continue
      }
      this.#tasks.stop(connection)
      writeGoodbye(connection.out, 'draining')
      connection.touch()
    }
  }

  /** Nothing runs and nobody waits for a reply. */
  get isQuiet(): boolean {
    return this.engine.stats().leased === 0 && this.#requests.awaited === 0
  }

  /** Ends every connection; resolves when the last socket is closed. */
  async end(): Promise<void> {
    for (const connection of this.connections) connection.end()
    // Ticks go on for those that do not take their last words.
    this.#turn.run()
    await Promise.all(
      Array.from(
        this.#lingering.keys(),
        (socket) => new Promise<void>((resolve) => void socket.once('close', () => resolve())),
      ),
    )
    this.#turn.stop()
    this.#ticker.stop()
  }

  #end(connection: Connection, code: string, message: string): void {
    if (connection.ended) return
    writeError(connection.out, code, message)
    connection.end()
  }

  #timed(): ConstructorParameters<typeof Ticker>[0] {
    return [
      { nextDueAt: () => this.engine.nextTickAt(), run: () => this.engine.tick() },
      this.#requests,
      this.stalls,
      this.#heartbeats,
      this.topics,
      { nextDueAt: () => this.#greeting.nextDueAt(), run: (now) => this.#endLate(now) },
      { nextDueAt: () => this.#nextLinger(), run: (now) => this.#cutLingering(now) },
    ]
  }

  #endLate(now: number): void {
    for (const connection of this.#greeting.late(now)) {
      this.#broken++
      this.#end(connection, 'ERR_AETHER_CONNECT_TIMEOUT', 'No HELLO in time.')
    }
  }

  #nextLinger(): number {
    for (const until of this.#lingering.values()) return until
    return Infinity
  }

  #cutLingering(now: number): void {
    for (const [socket, until] of this.#lingering) {
      if (until > now) return
      socket.destroy()
    }
  }
}
