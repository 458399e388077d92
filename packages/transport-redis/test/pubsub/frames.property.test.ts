import { type AetherEvent, routeCache, type TaskMessage } from '@aether/core'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readBroadcast, readFields, writeBroadcast, writeEvent } from '../../src/pubsub/event-frame.ts'
import { ForeignMessage, FrameReader } from '../../src/pubsub/frame-reader.ts'
import { FrameWriter } from '../../src/pubsub/frame-writer.ts'
import { Kind, readHead, writeHead } from '../../src/pubsub/frames.ts'
import { type Hello, readHello, writeHello } from '../../src/pubsub/hello-frame.ts'
import { readTask, writeTask } from '../../src/pubsub/task-frame.ts'

const name = fc.stringMatching(/^[A-Za-z0-9_.\-{}?[\]ü语]{1,20}$/)
const text = fc.string({ unit: 'grapheme', maxLength: 60 })
const u32 = fc.integer({ min: 0, max: 0xffff_ffff })
const body = fc.uint8Array({ maxLength: 5_000 })
const codec = fc.constantFrom('json' as const, 'msgpack' as const, 'raw' as const)
const headers = fc.option(fc.dictionary(text, text, { minKeys: 1, maxKeys: 4, noNullPrototype: true }), {
  nil: undefined,
})
const route = fc.record({ union: name, job: name, task: name, context: name })

const task: fc.Arbitrary<TaskMessage> = fc
  .record({
    route,
    tid: name,
    workgroup: name,
    body,
    codec,
    attempts: fc.integer({ min: 1, max: 0xffff_ffff }),
    deadline: fc.oneof(fc.integer({ min: 0, max: 2 ** 45 }), fc.constant(Number.POSITIVE_INFINITY)),
    ttlMs: fc.nat(),
    delayMs: fc.nat(),
    priority: fc.integer({ min: 0, max: 9 }),
    waitForWorkers: fc.boolean(),
    client: text,
    host: text,
    headers,
  })
  .map((each) => stripped(each) as TaskMessage)

const base = { route, tid: name, client: text, host: text, headers }
const error = fc.option(
  fc.record({ code: text, message: text, retryable: fc.boolean(), detail: fc.constant({ a: [1, 'b'] }) }),
  { nil: undefined },
)
const optionalBody = fc.option(body, { nil: undefined })
const event: fc.Arbitrary<AetherEvent> = fc
  .oneof(
    fc.record({
      ...base,
      action: fc.constant('status' as const),
      status: fc.constantFrom('initialized' as const, 'progress' as const),
      progress: fc.double({ min: 0, max: 100, noNaN: true }),
      seq: u32,
      attempt: u32,
      workgroup: name,
      codec,
      body: optionalBody,
    }),
    fc.record({
      ...base,
      action: fc.constant('complete' as const),
      status: fc.constantFrom(
        'succeed' as const,
        'failed' as const,
        'cancelled' as const,
        'expired' as const,
      ),
      attempt: u32,
      workgroup: name,
      codec,
      body: optionalBody,
      error,
    }),
    fc.record({ ...base, action: fc.constant('cancel' as const), reason: text }),
    fc.record({
      ...base,
      action: fc.constantFrom('idle' as const, 'online' as const, 'dismiss' as const),
      codec,
      body,
    }),
  )
  .map((each) => stripped(each) as AetherEvent)

/** Without the fields that are there and undefined: what is absent travels as absent. */
function stripped(value: object): object {
  return Object.fromEntries(Object.entries(value).filter(([, each]) => each !== undefined))
}

function written(write: (writer: FrameWriter) => void): Buffer {
  const writer = new FrameWriter()
  writeHead(writer, 'someone')
  write(writer)
  return Buffer.from(writer.finish())
}

function opened(message: Buffer): FrameReader {
  const reader = new FrameReader(message)
  expect(readHead(reader)).toBe('someone')
  return reader
}

describe('frames', () => {
  it('bring tasks as they were', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(task, u32, u32, u32), { minLength: 1, maxLength: 5 }), (tasks) => {
        const message = written((writer) => {
          for (const [each, call, consumer, attempt] of tasks) {
            const { union, job, task: kind, context } = each.route
            writeTask(writer, each, `${union}/${job}/${kind}/${context}`, { call, consumer, attempt }, 1_000)
          }
        })
        const reader = opened(message)
        const read = tasks.map(() => {
          expect(reader.next()).toBe(Kind.task)
          const frame = readTask(reader, routeCache(), 1_000)
          reader.leave()
          return frame
        })
        expect(reader.isAtEnd).toBe(true)
        expect(read).toEqual(
          tasks.map(([each, call, consumer, attempt]) => ({ call, consumer, attempt, task: each })),
        )
      }),
    )
  })

  it('bring events as they were, with their address and without', () => {
    fc.assert(
      fc.property(event, u32, (each, call) => {
        const shared = opened(written((writer) => writeBroadcast(writer, each)))
        expect(shared.next()).toBe(Kind.broadcast)
        expect(readBroadcast(shared, routeCache())).toEqual(each)
        if (each.action !== 'status' && each.action !== 'complete') return
        const direct = opened(written((writer) => writeEvent(writer, call, each)))
        expect(direct.next()).toBe(Kind.event)
        expect(direct.u32()).toBe(call)
        expect(readFields(direct, each.route, each.tid)).toEqual(each)
      }),
    )
  })

  it('bring hellos as they were', () => {
    const opening = fc.record({
      consumer: u32,
      job: name,
      task: name,
      context: name,
      workgroup: name,
      credit: u32,
      pool: text,
      poolCredit: u32,
    })
    const hello: fc.Arbitrary<Hello> = fc.record({
      union: name,
      epoch: u32,
      version: u32,
      nonce: u32,
      isAnswer: fc.boolean(),
      openings: fc.array(opening, { maxLength: 5 }),
      interests: fc.array(fc.record({ job: name, task: name }), { maxLength: 5 }),
    })
    fc.assert(
      fc.property(hello, (each) => {
        const reader = opened(written((writer) => writeHello(writer, each)))
        expect(reader.next()).toBe(Kind.hello)
        expect(readHello(reader)).toEqual(each)
      }),
    )
  })

  it('that are cut short or garbled are foreign or read as something, and never anything worse', () => {
    const readAll = (message: Buffer): void => {
      const routes = routeCache()
      const reader = new FrameReader(message)
      readHead(reader)
      for (; !reader.isAtEnd; reader.leave()) {
        const kind = reader.next()
        if (kind === Kind.task) readTask(reader, routes, 0)
        else if (kind === Kind.broadcast) readBroadcast(reader, routes)
        else if (kind === Kind.hello) readHello(reader)
      }
    }
    const check = (message: Buffer): void => {
      try {
        readAll(message)
      } catch (thrown) {
        expect(thrown).toBeInstanceOf(ForeignMessage)
      }
    }
    const whole = fc.tuple(task, event).map(([one, other]) =>
      written((writer) => {
        writeTask(writer, one, 'u/j/t/x', { call: 1, consumer: 2, attempt: 3 }, 0)
        writeBroadcast(writer, other)
        writeHello(writer, {
          union: 'u',
          epoch: 1,
          version: 2,
          nonce: 3,
          isAnswer: false,
          openings: [],
          interests: [{ job: 'j', task: '+' }],
        })
      }),
    )
    fc.assert(
      fc.property(whole, fc.nat(), fc.nat(), fc.integer({ min: 1, max: 255 }), (message, cut, at, change) => {
        check(message.subarray(0, cut % message.length))
        const garbled = Buffer.from(message)
        const index = at % garbled.length
        garbled[index] = (garbled[index] ?? 0) ^ change
        check(garbled)
      }),
      { numRuns: 400 },
    )
    fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => check(Buffer.from(bytes))))
  })
})
