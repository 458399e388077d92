import type { Channel } from '../app/channel.ts'
import { checkWait } from '../app/check-options.ts'
import type { Clock, Timer } from '../clock.ts'
import type { CodecSet } from '../codec/codec-set.ts'
import { textOf } from '../error-shape.ts'
import { AetherError } from '../errors.ts'
import { asItIs, BoundedStream } from '../stream/bounded-stream.ts'
import type { AetherEvent, Listener, Logger, PresenceEvent, WaitOptions } from '../transport.ts'
import { readPresenceBody, type PresenceBody } from './presence-body.ts'
import type { Presence, PresenceChange, TaskPresence, WorkerPresence } from './presence.ts'

/** Silent for this many of its own periods, a worker counts as gone. */
const silentPeriods = 3
/** For peers that do not say how often they speak. */
const assumedPeriodMs = 5_000
const sweepMs = 500
const maxChanges = 1_000
const presenceActions = ['online', 'idle', 'dismiss'] as const

interface Entry {
  name: string
  client: string
  host: string
  channel: string
  body: PresenceBody
  tasks: Map<string, TaskPresence>
  lastSeen: number
  lastSeenMs: number
}

export interface DirectoryHost {
  readonly clock: Clock
  readonly logger: Logger
  readonly codecs: CodecSet
}

/** Who is online, from what the workers of some channels say of themselves. */
export class PresenceDirectory implements Presence {
  readonly #host: DirectoryHost
  readonly #maxWorkers: number
  readonly #entries = new Map<string, Entry>()
  readonly #streams = new Set<BoundedStream<PresenceChange, PresenceChange>>()
  readonly #onClosed: (directory: PresenceDirectory) => void
  #listeners: Listener[] = []
  #timer: Timer | undefined
  #closing: Promise<void> | undefined

  constructor(host: DirectoryHost, maxWorkers: number, onClosed: (directory: PresenceDirectory) => void) {
    this.#host = host
    this.#maxWorkers = maxWorkers
    this.#onClosed = onClosed
  }

  async open(channels: readonly Channel[]): Promise<void> {
    try {
      for (const channel of channels) {
        await channel.start()
        for (const action of presenceActions) {
          const heard = (event: AetherEvent): void => this.#hear(channel.name, event)
          const listener = await channel.transport.listen({ action }, heard)
          this.#listeners.push(listener)
          if (this.#closing !== undefined) throw closedMeanwhile()
        }
      }
    } catch (error) {
      await this.close()
      // Those that came after it was closed.
      await this.#leave()
      throw error
    }
    this.#timer = this.#host.clock.setTimer(this.#sweep, sweepMs)
  }

  workers(): readonly WorkerPresence[] {
    return [...this.#entries.values()].map(presenceOf)
  }

  changes(options: WaitOptions = {}): AsyncIterable<PresenceChange> {
    checkWait('presence.changes', options)
    const stream = new BoundedStream<PresenceChange, PresenceChange>({
      limit: maxChanges,
      read: asItIs,
      signal: options.signal,
      onEnd: () => this.#streams.delete(stream),
    })
    if (this.#closing !== undefined) stream.end()
    else if (!stream.isEnded) this.#streams.add(stream)
    return stream
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(): Promise<void> {
    this.#timer?.cancel()
    this.#timer = undefined
    for (const stream of this.#streams) stream.end()
    await this.#leave()
    this.#entries.clear()
    this.#onClosed(this)
  }

  async #leave(): Promise<void> {
    const listeners = this.#listeners
    this.#listeners = []
    for (const outcome of await Promise.allSettled(listeners.map((listener) => listener.close()))) {
      if (outcome.status === 'rejected') {
        this.#host.logger.warn('closing a presence listener failed', { error: textOf(outcome.reason) })
      }
    }
  }

  #hear(channel: string, event: AetherEvent): void {
    if (this.#closing !== undefined || !isPresence(event)) return
    const key = `${channel}/${event.tid}`
    const known = this.#entries.get(key)
    if (event.action === 'dismiss') {
      if (known === undefined) return
      this.#entries.delete(key)
      return this.#tell('offline', known)
    }
    const body = readPresenceBody(event, this.#host.codecs)
    if (body === undefined) return
    if (known === undefined && this.#entries.size >= this.#maxWorkers) {
      this.#host.logger.debug('a worker is not shown: too many are known', { worker: event.tid })
      return
    }
    this.#note(key, channel, event, body, known)
  }

  #note(
    key: string,
    channel: string,
    event: PresenceEvent,
    body: PresenceBody,
    known: Entry | undefined,
  ): void {
    const { job, task } = event.route
    const taskKey = `${job}/${task}/${body.context}`
    const before = known?.tasks.get(taskKey)
    const presence: TaskPresence = {
      job,
      task,
      context: body.context,
      active: body.active,
      concurrency: body.concurrency,
    }
    const entry: Entry = known ?? {
      name: event.tid,
      client: event.client,
      host: event.host,
      channel,
      body,
      tasks: new Map(),
      lastSeen: 0,
      lastSeenMs: 0,
    }
    const isChanged =
      before === undefined ||
      before.active !== presence.active ||
      entry.body.workerActive !== body.workerActive
    entry.body = body
    entry.tasks.set(taskKey, presence)
    entry.lastSeen = this.#host.clock.now()
    entry.lastSeenMs = this.#host.clock.monotonic()
    this.#entries.set(key, entry)
    if (isChanged) this.#tell('online', entry)
  }

  readonly #sweep = (): void => {
    const nowMs = this.#host.clock.monotonic()
    for (const [key, entry] of this.#entries) {
      const periodMs = entry.body.presenceMs || assumedPeriodMs
      if (nowMs - entry.lastSeenMs <= periodMs * silentPeriods) continue
      this.#entries.delete(key)
      this.#tell('lost', entry)
    }
    this.#timer = this.#host.clock.setTimer(this.#sweep, sweepMs)
  }

  #tell(kind: PresenceChange['kind'], entry: Entry): void {
    if (this.#streams.size === 0) return
    const change = { kind, worker: presenceOf(entry) }
    for (const stream of this.#streams) stream.push(change)
  }
}

function closedMeanwhile(): AetherError {
  return new AetherError('ERR_AETHER_CLIENT_CLOSED', 'presence was closed while it was opened')
}

function isPresence(event: AetherEvent): event is PresenceEvent {
  return event.action === 'online' || event.action === 'idle' || event.action === 'dismiss'
}

function presenceOf(entry: Entry): WorkerPresence {
  return {
    name: entry.name,
    client: entry.client,
    host: entry.host,
    channel: entry.channel,
    workgroup: entry.body.workgroup,
    active: entry.body.workerActive,
    concurrency: entry.body.workerConcurrency,
    tasks: [...entry.tasks.values()],
    lastSeen: entry.lastSeen,
  }
}
