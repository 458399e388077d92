import * as wire from '../src/index.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const task: wire.TaskFields = {
  tid: 'tid-1',
  workgroup: 'workers',
  waitForWorkers: true,
  priority: 7,
  attempts: 3,
  ttlMs: 4_000,
  delayMs: 250,
  codec: wire.Codec.json,
  headers: { c: 'client-1', traceparent: '00-ab' },
  body: bytes('{"a":1}'),
}
const status: wire.StatusFields = {
  status: 1,
  progress: 55,
  seq: 9,
  codec: wire.Codec.raw,
  headers: { w: 'workers' },
  body: bytes('half'),
}
const complete: wire.CompleteFields = {
  codec: wire.Codec.json,
  headers: { e: 'ERR_AETHER_TASK_FAILED', m: 'nö' },
  body: bytes('null'),
}
const block = wire.encodeCompleteBlock(complete)

/** What one frame looks like in use: `write` makes it, `read` gives back its fields as plain values. */
export interface FrameSample {
  readonly write: (writer: wire.FrameWriter) => void
  readonly read: (cursor: wire.FrameCursor) => unknown
}

function headersOf(
  cursor: wire.FrameCursor,
  out: { headersAt: number; headersEnd: number; bodyAt: number; end: number },
) {
  const { headersAt, headersEnd, bodyAt, end, ...fields } = out as Record<string, unknown> & typeof out
  delete fields['memo']
  delete fields['blockAt']
  return {
    ...fields,
    headers: { ...wire.decodeHeaders(cursor.bytes, headersAt, headersEnd) },
    body: wire.readText(cursor.bytes, bodyAt, end),
  }
}

function published(cursor: wire.FrameCursor, headersAt: number) {
  const at = wire.payloadAt(cursor.bytes, headersAt, cursor.end)
  return {
    headers: { ...wire.decodeHeaders(cursor.bytes, headersAt + 2, at) },
    payload: wire.readText(cursor.bytes, at, cursor.end),
  }
}

/** Each frame of the protocol, by name. */
export const frameSamples: Readonly<Record<string, FrameSample>> = {
  HELLO: {
    write: (w) =>
      wire.writeHello(w, {
        minVersion: 1,
        maxVersion: 2,
        features: 5,
        maxFrameBytes: 1_114_112,
        client: 'client-1',
        host: 'höst',
        token: 'secret',
      }),
    read: (c) => wire.readHello(c),
  },
  WELCOME: {
    write: (w) =>
      wire.writeWelcome(w, {
        version: 1,
        features: 4,
        maxFrameBytes: 65_536,
        heartbeatMs: 15_000,
        broker: 'broker-1',
        brokerVersion: '0.1.0',
      }),
    read: (c) => wire.readWelcome(c),
  },
  PING: { write: (w) => wire.writePing(w, 0xffff_fffe), read: (c) => wire.readToken(c) },
  PONG: { write: (w) => wire.writePong(w, 7), read: (c) => wire.readToken(c) },
  ERROR: {
    write: (w) => wire.writeError(w, 'ERR_AETHER_FRAME_UNKNOWN', 'Type 99 is unknown.'),
    read: (c) => shape(wire.readError(c)),
  },
  GOODBYE: { write: (w) => wire.writeGoodbye(w, 'draining'), read: (c) => wire.readGoodbye(c) },
  CONFIRM: { write: (w) => wire.writeConfirm(w, 4_000_000_000), read: (c) => wire.readConfirm(c) },
  REFUSE: {
    write: (w) =>
      wire.writeRefuse(w, 12, 'ERR_AETHER_QUEUE_FULL', 'Full: 100000 tasks.', { retryable: true }),
    read: (c) => {
      const { command, error } = wire.readRefuse(c)
      return { command, error: shape(error) }
    },
  },
  DEDUPLICATED: { write: (w) => wire.writeDeduplicated(w, 13), read: (c) => wire.readDeduplicated(c) },
  PUBLISH: {
    write: (w) => wire.writePublish(w, 77, undefined, bytes('sixteen bytes ok')),
    read: (c) => ({
      topicId: wire.publishTopicId(c.bytes, c.position, c.end),
      ...published(c, c.position + wire.PUBLISH_HEADERS),
    }),
  },
  'PUBLISH with headers': {
    write: (w) => wire.writePublish(w, 77, { priority: 'high' }, bytes('x')),
    read: (c) => ({
      topicId: wire.publishTopicId(c.bytes, c.position, c.end),
      ...published(c, c.position + wire.PUBLISH_HEADERS),
    }),
  },
  PUBLISH_NAMED: {
    write: (w) => wire.writePublishNamed(w, 'a/b', { k: 'json' }, bytes('{}')),
    read: (c) => published(c, wire.namedHeadersAt(c.bytes, c.position, c.end)),
  },
  SUBSCRIBE: { write: (w) => wire.writeSubscribe(w, 'a/+/#'), read: (c) => wire.readName(c) },
  UNSUBSCRIBE: { write: (w) => wire.writeUnsubscribe(w, 'a/+/#'), read: (c) => wire.readName(c) },
  TOPIC_REQUEST: { write: (w) => wire.writeTopicRequest(w, 'a/b'), read: (c) => wire.readName(c) },
  TOPIC: { write: (w) => wire.writeTopic(w, 77, 'a/b'), read: (c) => wire.readTopic(c) },
  TOPIC_DROP: { write: (w) => wire.writeTopicDrop(w, 77), read: (c) => wire.readTopicDrop(c) },
  DROPPED: { write: (w) => wire.writeDropped(w, 1_000), read: (c) => wire.readDropped(c) },
  REQUEST: {
    write: (w) => wire.writeRequest(w, 5, 2_500, 0, 'rpc/add', undefined, bytes('[1,2]')),
    read: (c) => request(c),
  },
  'REQUEST by id': {
    write: (w) => wire.writeRequest(w, 5, 2_500, 3, 'rpc/add', { a: 'b' }, bytes('[1,2]')),
    read: (c) => request(c),
  },
  REPLY: { write: (w) => wire.writeReply(w, 5, { t: '1' }, bytes('3')), read: (c) => reply(c) },
  'REPLY failed': {
    write: (w) => wire.writeReplyError(w, 5, 'ERR_AETHER_RESPONDERS_NONE', 'Nobody serves rpc/add.'),
    read: (c) => reply(c),
  },
  SERVE: { write: (w) => wire.writeServe(w, 'rpc/add', 64), read: (c) => wire.readServe(c) },
  UNSERVE: { write: (w) => wire.writeUnserve(w, 'rpc/add'), read: (c) => wire.readName(c) },
  ROUTE: { write: (w) => wire.writeRoute(w, 4, 'shop/image/resize/x'), read: (c) => wire.readRoute(c) },
  SEND: {
    write: (w) => wire.writeSend(w, 4, 21, 60_000, task),
    read: (c) => {
      const out = new wire.SendFrame()
      wire.readSend(c, out)
      return headersOf(c, out)
    },
  },
  DELIVER: {
    write: (w) => wire.writeDeliver(w, 2, 0x1f_ffff_ffff_ffff, 2, 59_000, 8, taskBlock()),
    read: (c) => {
      const out = new wire.DeliverFrame()
      wire.readDeliver(c, out)
      return headersOf(c, out)
    },
  },
  CONSUME: {
    write: (w) =>
      wire.writeConsume(w, {
        consumer: 2,
        filter: 'shop/image/resize/+',
        workgroup: 'workers',
        credit: 16,
        leaseMs: 30_000,
        pool: 1,
        poolCredit: 32,
      }),
    read: (c) => wire.readConsume(c),
  },
  CONSUME_STOP: { write: (w) => wire.writeConsumeStop(w, 2), read: (c) => wire.readId(c) },
  RENEW: { write: (w) => wire.writeRenew(w, 0x1_0000_0001), read: (c) => wire.readRenew(c) },
  REPORT: {
    write: (w) => wire.writeReport(w, 99, status),
    read: (c) => {
      const out = new wire.ReportFrame()
      wire.readReport(c, out)
      return headersOf(c, out)
    },
  },
  STATUS: {
    write: (w) => wire.writeStatus(w, 21, 2, statusBlock()),
    read: (c) => {
      const out = new wire.StatusFrame()
      wire.readStatus(c, out)
      return headersOf(c, out)
    },
  },
  ACK: {
    write: (w) => wire.writeAck(w, 99, wire.Outcome.failed, true, complete),
    read: (c) => {
      const out = new wire.AckFrame()
      wire.readAck(c, out)
      return headersOf(c, out)
    },
  },
  COMPLETE: {
    write: (w) => wire.writeComplete(w, 21, wire.Outcome.failed, wire.Reason.attemptsExhausted, 3, block),
    read: (c) => {
      const out = new wire.CompleteFrame()
      wire.readComplete(c, out)
      return headersOf(c, out)
    },
  },
  RELEASE: {
    write: (w) => wire.writeRelease(w, 99, 1_500, true, complete),
    read: (c) => {
      const out = new wire.ReleaseFrame()
      wire.readRelease(c, out)
      return headersOf(c, out)
    },
  },
  REVOKE: {
    write: (w) => wire.writeRevoke(w, 99, wire.RevokeReason.cancelled, 'user'),
    read: (c) => wire.readRevoke(c),
  },
  CANCEL: { write: (w) => wire.writeCancel(w, 4, 'tid-1', 'user'), read: (c) => wire.readCancel(c) },
  ATTACH: { write: (w) => wire.writeAttach(w, 4, 21, 'tid-1'), read: (c) => wire.readAttach(c) },
  DETACH: { write: (w) => writeDetach(w), read: (c) => wire.readId(c) },
}

function writeDetach(writer: wire.FrameWriter): void {
  wire.writeDetach(writer, 21)
}

function shape(error: wire.WireError): unknown {
  return { code: error.code, message: error.message, retryable: error.retryable }
}

function request(cursor: wire.FrameCursor): unknown {
  const out = new wire.RequestFrame()
  wire.readRequest(cursor, out)
  const { correlation, timeoutMs, topicId, topic } = out
  return { correlation, timeoutMs, topicId, topic, ...published(cursor, out.headersAt) }
}

function reply(cursor: wire.FrameCursor): unknown {
  const out = new wire.ReplyFrame()
  wire.readReply(cursor, out)
  if (out.failed) return { correlation: out.correlation, error: shape(wire.readReplyError(cursor)) }
  return { correlation: out.correlation, ...published(cursor, out.headersAt) }
}

/** All bytes of what `write` wrote. */
export function written(write: (writer: wire.FrameWriter) => void): Uint8Array {
  const writer = new wire.FrameWriter()
  write(writer)
  return join(writer.take())
}

export function join(chunks: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(chunks.reduce((size, chunk) => size + chunk.length, 0))
  let at = 0
  for (const chunk of chunks) {
    all.set(chunk, at)
    at += chunk.length
  }
  return all
}

function taskBlock(): Uint8Array {
  const frame = written((w) => wire.writeSend(w, 4, 21, 60_000, task))
  const out = new wire.SendFrame()
  wire.readSend(new wire.FrameCursor().reset(frame, wire.FRAME_HEAD, frame.length), out)
  return frame.slice(out.blockAt, out.end)
}

function statusBlock(): Uint8Array {
  const frame = written((w) => wire.writeReport(w, 99, status))
  const out = new wire.ReportFrame()
  wire.readReport(new wire.FrameCursor().reset(frame, wire.FRAME_HEAD, frame.length), out)
  return frame.slice(out.blockAt, out.end)
}
