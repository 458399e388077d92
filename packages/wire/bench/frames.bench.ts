/** Hot steps of the wire, in nanoseconds each: `node --conditions=@aether/source --import tsx bench/frames.bench.ts`. */
import {
  decodeHeaders,
  DeliverFrame,
  encodeHeaders,
  FRAME_HEAD,
  FrameCursor,
  FrameReader,
  FrameWriter,
  Message,
  payloadAt,
  PUBLISH_HEADERS,
  publishTopicId,
  readDeliver,
  writeAck,
  writeDeliver,
  writePublish,
  writeSend,
} from '../src/index.ts'

const ROUNDS = 7
const STEPS = 400_000

/** Median nanoseconds of one step; what a step gives is summed up, so that nothing is optimised away. */
function measure(name: string, step: (index: number) => number): void {
  const times: number[] = []
  let sum = 0
  for (let round = 0; round < ROUNDS; round++) {
    const start = performance.now()
    for (let index = 0; index < STEPS; index++) sum += step(index)
    times.push(((performance.now() - start) * 1e6) / STEPS)
  }
  times.sort((a, b) => a - b)
  console.log(`${name.padEnd(44)} ${(times[ROUNDS >> 1] ?? 0).toFixed(1).padStart(8)} ns  (${sum % 997})`)
}

const writer = new FrameWriter()
const drain = (): number => (writer.pendingBytes > 60_000 ? writer.take().length : 0)
const small = new Uint8Array(16).fill(1)
const medium = new Uint8Array(1_024).fill(1)
const headers = encodeHeaders({ c: 'client-1', h: 'machine-1', w: 'workers' })
const task = {
  tid: '01J9ZQ3V8K4N5P6R7S8T9V0W1X',
  workgroup: 'workers',
  waitForWorkers: false,
  priority: 0,
  attempts: 3,
  ttlMs: 0,
  delayMs: 0,
  codec: 1,
  headers,
  body: new Uint8Array(128),
}

measure('write PUBLISH of 16 B', () => {
  writePublish(writer, 7, undefined, small)
  return drain()
})
measure('write PUBLISH of 1 KiB', () => {
  writePublish(writer, 7, undefined, medium)
  return drain()
})
measure('write SEND of 128 B', (index) => {
  writeSend(writer, 1, index, 60_000, task)
  return drain()
})
measure('write ACK of 128 B', (index) => {
  writeAck(writer, index, 0, false, task)
  return drain()
})
writer.reset()

function stream(write: (writer: FrameWriter) => void): Uint8Array {
  const all = new FrameWriter()
  for (let index = 0; index < 1_000; index++) write(all)
  const chunks = all.take()
  const joined = new Uint8Array(chunks.reduce((size, chunk) => size + chunk.length, 0))
  let at = 0
  for (const chunk of chunks) {
    joined.set(chunk, at)
    at += chunk.length
  }
  return joined
}

/** Reads a stream of a thousand frames in one chunk, again and again; the time is that of one frame. */
function measureRead(
  name: string,
  bytes: Uint8Array,
  read: (bytes: Uint8Array, start: number, end: number) => number,
): void {
  let sum = 0
  const reader = new FrameReader({
    onFrame: (_type, chunk, start, end) => {
      sum += read(chunk, start, end)
    },
  })
  measure(name, (index) => {
    if (index % 1_000 === 0) reader.push(bytes)
    return sum & 1
  })
}

const published = stream((all) => writePublish(all, 7, undefined, small))
measureRead('split PUBLISH of 16 B', published, (_bytes, start, end) => end - start)
measureRead('read PUBLISH of 16 B into a Message', published, (bytes, start, end) => {
  const at = payloadAt(bytes, start + PUBLISH_HEADERS, end)
  const message = new Message('topic', bytes, start + PUBLISH_HEADERS, at, end)
  return message.size + publishTopicId(bytes, start, end)
})
measureRead('read PUBLISH of 16 B and take its payload', published, (bytes, start, end) => {
  const at = payloadAt(bytes, start + PUBLISH_HEADERS, end)
  return new Message('topic', bytes, start + PUBLISH_HEADERS, at, end).payload.length
})

const block = (() => {
  const sent = new FrameWriter()
  writeSend(sent, 1, 1, 60_000, task)
  return (sent.take()[0] ?? small).slice(FRAME_HEAD + 12)
})()
const cursor = new FrameCursor()
const frame = new DeliverFrame()
measureRead(
  'read DELIVER of 128 B',
  stream((all) => writeDeliver(all, 1, 2, 1, 60_000, 1, block)),
  (bytes, start, end) => {
    readDeliver(cursor.reset(bytes, start, end), frame)
    return frame.tid.length
  },
)
measure('decode three headers', () => Object.keys(decodeHeaders(headers, 0, headers.length)).length)
