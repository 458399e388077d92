import type { Lease, Settlement } from '@aether/engine'
import {
  appendHeaders,
  Codec,
  decodeCompleteBlock,
  findHeader,
  FrameWriter,
  type StatusBlock,
  writePublishNamed,
} from '@aether/wire'
import type { Connection } from './connection.ts'
import type { Forwarding } from './forwarding.ts'
import type { TaskAction, TaskInterest } from './task-interest.ts'

const codecs: Readonly<Record<number, string | undefined>> = {
  [Codec.json]: 'json',
  [Codec.msgpack]: 'msgpack',
  [Codec.raw]: 'raw',
}
const statuses = ['initialized', 'progress'] as const

/** Says what happens to tasks to those who subscribed to it, as messages on `{route}/{tid}/{action}`. */
export class TaskEvents {
  readonly #interest: TaskInterest
  readonly #forwarding: Forwarding

  constructor(interest: TaskInterest, forwarding: Forwarding) {
    this.#interest = interest
    this.#forwarding = forwarding
  }

  /** Whether anyone may want to know. */
  wants(route: string, action: TaskAction): boolean {
    return this.#interest.wants(route, action)
  }

  /** A report whose status block lies in `bytes`. */
  status(lease: Lease<Uint8Array, Connection>, bytes: Uint8Array, block: StatusBlock): void {
    const topic = `${lease.route}/${lease.tid}/status`
    const subscribers = this.#interest.match(topic)
    if (subscribers.length === 0) return
    const headers: Record<string, string> = {
      s: statuses[block.status]!,
      p: String(block.progress),
      q: String(block.seq),
      a: String(lease.attempt),
    }
    const codec = codecs[block.codec]
    if (codec !== undefined) headers['k'] = codec
    addWorkgroup(headers, lease.workgroup, bytes, block.headersAt, block.headersEnd)
    const pairs = appendHeaders(bytes, block.headersAt, block.headersEnd, headers)
    this.#announce(subscribers, topic, pairs, bytes.subarray(block.bodyAt, block.end))
  }

  /** The end of a task in one workgroup, with the complete block that says how. */
  complete(settlement: Settlement<Uint8Array>, bytes: Uint8Array): void {
    const topic = `${settlement.route}/${settlement.tid}/complete`
    const subscribers = this.#interest.match(topic)
    if (subscribers.length === 0) return
    const block = decodeCompleteBlock(bytes)
    const headers: Record<string, string> = { s: settlement.outcome, a: String(settlement.attempt) }
    const codec = codecs[block.codec]
    if (codec !== undefined) headers['k'] = codec
    if (settlement.reason !== undefined) headers['o'] = settlement.reason
    addWorkgroup(headers, settlement.workgroup, bytes, block.headersAt, block.headersEnd)
    const pairs = appendHeaders(bytes, block.headersAt, block.headersEnd, headers)
    this.#announce(subscribers, topic, pairs, bytes.subarray(block.bodyAt, block.end))
  }

  #announce(
    subscribers: readonly Connection[],
    topic: string,
    headers: Uint8Array,
    payload: Uint8Array,
  ): void {
    const writer = new FrameWriter()
    writePublishNamed(writer, topic, headers, payload)
    const chunks = writer.take()
    this.#forwarding.announce(subscribers, chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks))
  }
}

/** A block that the broker made itself, and that of a client which does not say it, lack the workgroup. */
function addWorkgroup(
  headers: Record<string, string>,
  workgroup: string,
  bytes: Uint8Array,
  start: number,
  end: number,
): void {
  if (findHeader(bytes, start, end, 'w') === undefined) headers['w'] = workgroup
}
