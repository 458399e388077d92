import { AetherError, isAetherError } from '@aether/core'
import type { RedisLink } from '../link/redis-link.ts'
import { FrameWriter } from './frame-writer.ts'
import { writeHead } from './frames.ts'

/** A batch that would grow beyond this leaves within its turn, so that what is large travels alone and is refused alone. */
const fullBytes = 131_072

/** What travels in a batch and must know whether it left. */
export interface Passenger {
  /** How many connections of the server got it; undefined where the server cannot know. */
  carried(call: number, receivers: number | undefined): void
  /** It did not leave, or nobody knows whether it did. */
  stranded(call: number, error: AetherError): void
}

/** What one turn says to one channel: one message. */
export class Batch {
  readonly writer: FrameWriter = new FrameWriter()
  /** How many connections got it; undefined where the server cannot know. */
  readonly done: Promise<number | undefined>
  resolve!: (receivers: number | undefined) => void
  reject!: (error: AetherError) => void
  #passengers: Passenger[] | undefined
  #calls: number[] = []

  constructor(from: string) {
    this.done = new Promise((resolve, reject) => {
      this.resolve = resolve
      this.reject = reject
    })
    // Not everyone who says something waits to hear whether it left.
    this.done.catch(() => undefined)
    writeHead(this.writer, from)
  }

  /** Nobody must know exactly whether it left: then it may be said twice. */
  get isRepeatable(): boolean {
    return this.#passengers === undefined
  }

  board(passenger: Passenger, call: number): void {
    ;(this.#passengers ??= []).push(passenger)
    this.#calls.push(call)
  }

  left(receivers: number | undefined): void {
    this.resolve(receivers)
    const passengers = this.#passengers ?? []
    for (let index = 0; index < passengers.length; index++)
      passengers[index]?.carried(this.#calls[index] ?? 0, receivers)
  }

  failed(error: AetherError): void {
    this.reject(error)
    const passengers = this.#passengers ?? []
    for (let index = 0; index < passengers.length; index++)
      passengers[index]?.stranded(this.#calls[index] ?? 0, error)
  }
}

/**
 * Everything that this instance says: what is said to one channel in one turn of the loop leaves as one message, in order. What was under way when the connection
 * ended is said once more, as all but tasks may come twice; when that ends too, it is lost.
 */
export class Outbox {
  readonly #link: RedisLink
  readonly #from: string
  readonly #open = new Map<string, Batch>()
  readonly #calls = new Map<string, Batch>()
  readonly #leaving = new Set<Promise<void>>()
  #turn: NodeJS.Immediate | undefined

  constructor(link: RedisLink, from: string) {
    this.#link = link
    this.#from = from
  }

  /** The batch that leaves to `channel` at the end of this turn, and has room for a frame of about so many bytes. */
  to(channel: string, bytes: number = 0): Batch {
    return this.#batch(this.#open, channel, bytes)
  }

  /** As `to`, for tasks and what must stay in order with them. */
  call(channel: string, bytes: number = 0): Batch {
    return this.#batch(this.#calls, channel, bytes)
  }

  #batch(open: Map<string, Batch>, channel: string, bytes: number): Batch {
    let batch = open.get(channel)
    if (batch !== undefined) {
      if (batch.writer.length + bytes < fullBytes) return batch
      open.delete(channel)
      this.#send(channel, batch)
    }
    batch = new Batch(this.#from)
    open.set(channel, batch)
    this.#turn ??= setImmediate(() => this.flush())
    return batch
  }

  flush(): void {
    if (this.#turn !== undefined) clearImmediate(this.#turn)
    this.#turn = undefined
    for (const open of [this.#calls, this.#open]) {
      for (const [channel, batch] of open) this.#send(channel, batch)
      open.clear()
    }
  }

  /** Resolves when all that was said has left, or failed to. */
  async idle(): Promise<void> {
    this.flush()
    await Promise.all(this.#leaving)
  }

  #send(channel: string, batch: Batch): void {
    const message = batch.writer.finish()
    const left = (receivers: number): void => batch.left(this.#link.isCluster ? undefined : receivers)
    const leaving = this.#link.publish(channel, message).then(left, async (error: unknown) => {
      if (!isLost(error) || !batch.isRepeatable) return batch.failed(asError(error))
      await this.#link.publish(channel, message).then(left, (second: unknown) => {
        if (isLost(second)) batch.left(undefined)
        else batch.failed(asError(second))
      })
    })
    this.#leaving.add(leaving)
    void leaving.finally(() => this.#leaving.delete(leaving))
  }
}

function isLost(error: unknown): boolean {
  return isAetherError(error) && error.code === 'ERR_AETHER_TRANSPORT_LOST'
}

function asError(error: unknown): AetherError {
  if (isAetherError(error)) return error
  return new AetherError('ERR_AETHER_TRANSPORT_LOST', `Publishing failed: ${String(error)}`, {
    cause: error,
    retryable: true,
  })
}
