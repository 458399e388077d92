import { COPY_LIMIT, FRAME_HEAD, type FrameWriter, namedHeadersAt, writePublishNamed } from '@aether/wire'
import { checkPairs } from '../check-pairs.ts'
import type { Connection } from '../connection/connection.ts'
import { copyBytes } from '../tasks/copy-bytes.ts'
import { invalidFrame, payloadTooLarge } from '../errors.ts'
import type { Interest } from './interest.ts'
import type { Stalls } from './stalls.ts'
import type { Topic, Topics } from './topics.ts'

/** Below this many bytes a loop beats `TypedArray.prototype.set`, and the view it needs. */
const LOOP_LIMIT = 64
/** A slice pins the chunk it lies in. Where it has to wait, one smaller than this is copied out. */
const PIN_LIMIT = 32_768

const nothing: Uint8Array = new Uint8Array(0)

export interface ForwardingLimits {
  readonly maxPayloadBytes: number
  readonly highWaterBytes: number
}

/**
 * Passes messages on as they came. PUBLISH frames with one topic that follow each other in a chunk are a run: found by their lengths, forwarded to each
 * subscriber as one block, whose bytes are those of the publisher.
 */
export class Forwarding {
  readonly #topics: Topics
  readonly #interest: Interest
  readonly #stalls: Stalls
  readonly #limits: ForwardingLimits
  #from: Connection | undefined
  #topicId = 0
  #bytes = nothing
  #start = 0
  #end = 0
  #count = 0
  /** Messages received, and messages passed on (once for each subscriber). */
  received = 0
  delivered = 0

  constructor(topics: Topics, interest: Interest, stalls: Stalls, limits: ForwardingLimits) {
    this.#topics = topics
    this.#interest = interest
    this.#stalls = stalls
    this.#limits = limits
  }

  /** A PUBLISH whose fields are `bytes[start, end)`. */
  publish(from: Connection, bytes: Uint8Array, start: number, end: number): void {
    const size = end - start
    if (size < 6) throw invalidFrame('A PUBLISH that ends before its headers.')
    const headers = (bytes[start + 4]! << 8) | bytes[start + 5]!
    if (headers > size - 6) throw invalidFrame('Headers that go past their frame.')
    if (headers > 0) checkPairs(bytes, start + 6, start + 6 + headers)
    if (size - 6 - headers > this.#limits.maxPayloadBytes)
      throw payloadTooLarge(size - 6 - headers, this.#limits.maxPayloadBytes)
    const id =
      ((bytes[start]! << 24) | (bytes[start + 1]! << 16) | (bytes[start + 2]! << 8) | bytes[start + 3]!) >>> 0
    if (
      this.#count > 0 &&
      id === this.#topicId &&
      start - FRAME_HEAD === this.#end &&
      bytes === this.#bytes
    ) {
      this.#end = end
      this.#count++
      return
    }
    this.flush()
    this.#from = from
    this.#topicId = id
    this.#bytes = bytes
    this.#start = start - FRAME_HEAD
    this.#end = end
    this.#count = 1
  }

  /** Passes the run on. To be called before any other frame is handled and at the end of each chunk. */
  flush(): void {
    const count = this.#count
    if (count === 0) return
    const bytes = this.#bytes
    const from = this.#from!
    this.#count = 0
    this.#bytes = nothing
    this.#from = undefined
    this.received += count
    const topic = this.#topics.get(this.#topicId)
    if (topic === undefined) {
      // An id that was dropped while the message was on its way; one that was never given out is a mistake.
      if (this.#topics.wasGiven(this.#topicId)) return
      throw invalidFrame(`Topic id ${this.#topicId} was never given out.`)
    }
    const subscribers = this.#topics.subscribers(topic)
    if (subscribers.length === 0) return
    if (topic.retired) this.#forwardByName(topic, subscribers, from, bytes, count)
    else this.#forward(subscribers, from, bytes, this.#start, this.#end, count)
  }

  /** A PUBLISH_NAMED: `topic` is the name in it, already checked. */
  publishNamed(from: Connection, topic: string, bytes: Uint8Array, start: number, end: number): void {
    const headersAt = namedHeadersAt(bytes, start, end)
    const pairsEnd = headersAt + 2 + ((bytes[headersAt]! << 8) | bytes[headersAt + 1]!)
    if (pairsEnd > end) throw invalidFrame('Headers that go past their frame.')
    checkPairs(bytes, headersAt + 2, pairsEnd)
    if (end - pairsEnd > this.#limits.maxPayloadBytes)
      throw payloadTooLarge(end - pairsEnd, this.#limits.maxPayloadBytes)
    this.received++
    const subscribers = this.#interest.match(topic)
    if (subscribers.length > 0) this.#forward(subscribers, from, bytes, start - FRAME_HEAD, end, 1)
  }

  /** A whole frame that the broker itself says to those who listen; nobody is held back for it. */
  announce(subscribers: readonly Connection[], frame: Uint8Array): void {
    this.#forward(subscribers, undefined, frame, 0, frame.length, 1)
  }

  #forward(
    subscribers: readonly Connection[],
    from: Connection | undefined,
    bytes: Uint8Array,
    start: number,
    end: number,
    count: number,
  ): void {
    const size = end - start
    const block = size > LOOP_LIMIT ? bytes.subarray(start, end) : nothing
    for (let index = 0; index < subscribers.length; index++) {
      const subscriber = subscribers[index]!
      if (subscriber.ended) continue
      if (subscriber.shedding) {
        this.#stalls.miss(subscriber, count)
        continue
      }
      if (size > subscriber.maxFrameBytes && !this.#fits(subscriber, bytes, start, end)) {
        this.#stalls.miss(subscriber, count)
        this.#stalls.tell(subscriber)
        continue
      }
      const out = subscriber.out
      if (size <= LOOP_LIMIT) copyRange(out, bytes, start, end)
      else if (size > COPY_LIMIT && size < PIN_LIMIT && subscriber.flightBytes > 0)
        out.append(copyBytes(bytes, start, end))
      else out.append(block)
      this.delivered += count
      subscriber.touch()
      if (subscriber.waitingBytes > this.#limits.highWaterBytes) {
        if (from === undefined) subscriber.shedding = true
        else this.#stalls.hold(subscriber, from)
      }
    }
  }

  /** Whether the subscriber accepts frames as long as each of these. */
  #fits(subscriber: Connection, bytes: Uint8Array, start: number, end: number): boolean {
    let at = start
    while (at < end) {
      const length = readLength(bytes, at)
      if (length > subscriber.maxFrameBytes) return false
      at += 4 + length
    }
    return true
  }

  /** The id of a run was dropped while it was on its way: its messages go by the name of their topic. */
  #forwardByName(
    topic: Topic,
    subscribers: readonly Connection[],
    from: Connection,
    bytes: Uint8Array,
    count: number,
  ): void {
    const end = this.#end
    let at = this.#start
    for (let index = 0; index < count; index++) {
      const length = readLength(bytes, at)
      const headersAt = at + FRAME_HEAD + 4
      const payloadAt = headersAt + 2 + ((bytes[headersAt]! << 8) | bytes[headersAt + 1]!)
      const frameEnd = Math.min(end, at + 4 + length)
      const payload = bytes.subarray(payloadAt, frameEnd)
      for (const subscriber of subscribers) {
        if (subscriber.ended) continue
        if (subscriber.shedding) {
          this.#stalls.miss(subscriber, 1)
          continue
        }
        writePublishNamed(subscriber.out, topic.name, bytes.subarray(headersAt + 2, payloadAt), payload)
        this.delivered++
        subscriber.touch()
        if (subscriber.waitingBytes > this.#limits.highWaterBytes) this.#stalls.hold(subscriber, from)
      }
      at = frameEnd
    }
  }
}

function readLength(bytes: Uint8Array, at: number): number {
  return bytes[at]! * 0x100_0000 + ((bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!)
}

function copyRange(out: FrameWriter, bytes: Uint8Array, start: number, end: number): void {
  out.reserve(end - start)
  const buffer = out.buffer
  let at = out.position
  for (let index = start; index < end; index++) buffer[at++] = bytes[index]!
  out.position = at
}
