import type { Timer } from '@aether/core'
import type { Reply, Script } from '../link/redis-link.ts'
import { ByteWriter } from './byte-writer.ts'
import { isPassing } from './is-passing.ts'
import { keyBase, scriptKeys } from './keys.ts'
import type { QueueHost } from './queue-host.ts'
import { limits } from './queue-settings.ts'
import type { Run } from './run.ts'
import type { Place, Seat } from './seat.ts'
import { SendBatches } from './send-batches.ts'
import type { TurnMember } from './turns.ts'
import { WorkBatches } from './work-batches.ts'
import { WorkKind, type WorkItem } from './work-item.ts'

const shortestTickMs = 20
const longestTickMs = 1_000

/** What the lane tells its transport. */
export interface LaneOwner {
  onSent(run: Run, code: number): void
  onStored(run: Run, completion: Buffer): void
  onUnsent(run: Run, error: unknown): void
  /** Nothing is left that would need it. */
  onIdle(lane: Lane): void
}

/** One job/task as this instance uses it: its keys, what goes to it in this turn, and the clockwork that keeps it going. */
export class Lane implements TurnMember {
  /** `union/job/task`. */
  readonly name: string
  /** Runs of this instance that are open; the book counts them. */
  openRuns = 0
  readonly seats: Map<string, Seat> = new Map()
  readonly #host: QueueHost
  readonly #owner: LaneOwner
  readonly #keys: readonly string[]
  readonly #settings: Buffer
  readonly #sends: SendBatches
  readonly #works: WorkBatches
  #timer: Timer | undefined
  #timerAtMs = Number.POSITIVE_INFINITY
  #dueAtMs = Number.POSITIVE_INFINITY
  #periodMs = longestTickMs
  #isTicking = false
  #isOver = false

  constructor(name: string, host: QueueHost, owner: LaneOwner) {
    this.name = name
    this.#host = host
    this.#owner = owner
    this.#keys = scriptKeys(keyBase(host.settings.prefix, name), host.link.isCluster)
    this.#settings = packSettings(name, host)
    this.#sends = new SendBatches(this, host, owner)
    this.#works = new WorkBatches(this, host)
    // It may be asked for in vain, by a cancel of what is unknown or a consumer that is refused: then it is forgotten.
    this.#arm()
  }

  run(script: Script, input: Buffer): Promise<Reply> {
    return this.#host.link.run(script, this.#keys, [this.#settings, input])
  }

  /** As `run`, for what may be said twice: what was under way when the connection ended is said again, bounded in time. */
  async ask(script: Script, input: Buffer): Promise<Reply> {
    const { clock, settings } = this.#host
    const giveUpAtMs = clock.monotonic() + 2 * settings.connectTimeoutMs
    for (;;) {
      try {
        return await this.run(script, input)
      } catch (error) {
        if (!isPassing(error) || this.#isOver || clock.monotonic() >= giveUpAtMs) throw error
      }
    }
  }

  send(run: Run): void {
    this.#sends.add(run)
    this.#host.turns.add(this)
  }

  /** Whether it was not given to the link yet. */
  isWaiting(run: Run): boolean {
    return this.#sends.has(run)
  }

  work(item: WorkItem): void {
    this.#works.add(item)
    this.#host.turns.add(this)
  }

  flushSends(): void {
    this.#sends.flush()
    this.#arm()
  }

  flushWork(): void {
    this.#works.flush()
  }

  /** Throws an entry out that is none of ours. */
  discard(place: Place, id: string, attempt: number): void {
    const { seat, route } = place
    const input = new ByteWriter().u16(1).u32(1)
    input.text(route.context).text(seat.workgroup).text(seat.name).u48(seat.leaseMs).u32(1).short(id)
    input.text('').u8(WorkKind.discard).u8(0).u16(0).u32(0).u32(attempt).u48(0).u32(1).u32(0)
    this.run(this.#host.scripts.work, input.take()).catch((error: unknown) => {
      this.#host.logger.debug('a foreign entry could not be thrown out', { error })
    })
  }

  addSeat(seat: Seat): void {
    this.seats.set(seat.name, seat)
    this.#periodMs = Math.min(this.#periodMs, periodOf(seat.leaseMs))
  }

  removeSeat(seat: Seat): void {
    this.seats.delete(seat.name)
  }

  /** Something is due in so many milliseconds, at which the server has to be asked. */
  note(inMs: number): void {
    this.#dueAtMs = Math.min(this.#dueAtMs, this.#host.clock.monotonic() + inMs)
    this.#arm()
  }

  /** Says that the consumers are there, and ends what is due. */
  async tick(): Promise<void> {
    const { clock, scripts } = this.#host
    const isDue = clock.monotonic() >= this.#dueAtMs
    if (isDue) this.#dueAtMs = Number.POSITIVE_INFINITY
    const input = new ByteWriter().u8(isDue ? 1 : 0)
    const countAt = input.open32()
    let count = 0
    for (const seat of this.seats.values()) if (seat.register(input)) count++
    input.patch32(countAt, count)
    const [nearest, least] = (await this.ask(scripts.tick, input.take())) as [number, number]
    this.#periodMs = least > 0 ? periodOf(least) : longestTickMs
    if (nearest >= 0) this.note(nearest + 1)
    this.#arm()
  }

  reconnected(): void {
    for (const seat of this.seats.values()) seat.reconnected()
    this.#arm()
  }

  /** Stops the clockwork; what still waits is refused with `error`. */
  close(error: Error): void {
    this.#isOver = true
    this.#timer?.cancel()
    this.#timer = undefined
    this.#sends.close(error)
    this.#works.close(error)
  }

  get #isIdle(): boolean {
    return (
      this.seats.size === 0 &&
      this.openRuns === 0 &&
      this.#dueAtMs === Number.POSITIVE_INFINITY &&
      this.#works.isEmpty
    )
  }

  #arm(): void {
    if (this.#isOver || this.#isTicking) return
    const { clock, random } = this.#host
    const nowMs = clock.monotonic()
    const isUsed = this.seats.size > 0 || this.openRuns > 0
    const maySleep = !isUsed && this.#dueAtMs < Number.POSITIVE_INFINITY
    // Not all instances at once.
    const regularAtMs = !maySleep ? nowMs + this.#periodMs * (0.7 + 0.3 * random()) : Number.POSITIVE_INFINITY
    const atMs = Math.min(this.#dueAtMs, regularAtMs)
    if (atMs >= this.#timerAtMs || atMs === Number.POSITIVE_INFINITY) return
    this.#timer?.cancel()
    this.#timerAtMs = atMs
    this.#timer = clock.setTimer(() => void this.#onTimer(), Math.max(1, atMs - nowMs))
  }

  async #onTimer(): Promise<void> {
    this.#timer = undefined
    this.#timerAtMs = Number.POSITIVE_INFINITY
    if (this.#isIdle) return this.#owner.onIdle(this)
    this.#isTicking = true
    try {
      await this.tick()
    } catch (error) {
      this.#host.logger.debug('a tick of a Redis queue failed', { error, lane: this.name })
    } finally {
      this.#isTicking = false
      const nowMs = this.#host.clock.monotonic()
      if (!this.#isOver) for (const seat of this.seats.values()) seat.poll(nowMs)
      if (this.#isIdle) this.#owner.onIdle(this)
      this.#arm()
    }
  }
}

/** A lease that ends is noticed after a quarter of it. */
function periodOf(leaseMs: number): number {
  return Math.min(longestTickMs, Math.max(shortestTickMs, leaseMs / 4))
}

function packSettings(name: string, { link, settings }: QueueHost): Buffer {
  return new ByteWriter()
    .u8(link.isCluster ? 1 : 0)
    .u48(settings.resultTtlMs)
    .u48(settings.groupTtlMs)
    .u48(settings.maxQueued)
    .u48(settings.maxDeadLetters)
    .u48(limits.callers)
    .u48(limits.staleMs)
    .text(name)
    .text(settings.prefix)
    .take()
}
