import type { Lease, Settlement } from '@aether/engine'
import {
  appendHeaders,
  Codec,
  decodeCompleteBlock,
  encodeHeaders,
  findHeader,
  FrameWriter,
  type StatusBlock,
  writePublishNamed,
} from '@aether/wire'
import type { Connection } from '../connection/connection.ts'
import type { Forwarding } from '../pubsub/forwarding.ts'
import type { TaskAction, TaskInterest } from './task-interest.ts'

const codecs: Readonly<Record<number, string | undefined>> = {
  [Codec.json]: 'json',
  [Codec.msgpack]: 'msgpack',
  [Codec.raw]: 'raw',
}
const MAX_HEADERS_BYTES = 65_535
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
    const pairs = pairsOf(bytes, block, headers, lease.workgroup)
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
    const pairs = pairsOf(bytes, block, headers, settlement.workgroup)
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

/** The headers of a block and then the broker's own; those alone where both together are more than a frame can say. */
function pairsOf(
  bytes: Uint8Array,
  block: { readonly headersAt: number; readonly headersEnd: number },
  own: Record<string, string>,
  workgroup: string,
): Uint8Array {
  const { headersAt, headersEnd } = block
  // A block that the broker made itself, and that of a client which does not say it, lack the workgroup.
  if (findHeader(bytes, headersAt, headersEnd, 'w') === undefined) own['w'] = workgroup
  const pairs = appendHeaders(bytes, headersAt, headersEnd, own)
  return pairs.length <= MAX_HEADERS_BYTES ? pairs : encodeHeaders({ ...own, w: workgroup })
}
