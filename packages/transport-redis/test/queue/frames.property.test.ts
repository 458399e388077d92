import type { AetherEvent, CompleteEvent, Route, StatusEvent, TaskMessage } from '@aether/core'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ByteReader } from '../../src/queue/byte-reader.ts'
import { ByteWriter } from '../../src/queue/byte-writer.ts'
import { readEvent, writeEvent } from '../../src/queue/event-frame.ts'
import { readTask, writeTask } from '../../src/queue/task-frame.ts'

const route: Route = { union: 'u', job: 'j', task: 't', context: 'x' }
const text = fc.string({ unit: 'grapheme', maxLength: 40 })
const body = fc.uint8Array({ maxLength: 300 })
const codec = fc.constantFrom('json', 'msgpack', 'raw')
const headers = fc.option(fc.dictionary(text, text, { noNullPrototype: true }), { nil: undefined })
const attempt = fc.integer({ min: 0, max: 0xffff_ffff })

/** Leaves out what is undefined, as the contract does. */
function present<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, each]) => each !== undefined)) as T
}

describe('frames', () => {
  it('numbers and texts come back in the order in which they were written', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({ tiny: fc.nat(255), text, far: fc.nat(2 ** 48 - 1), ratio: fc.double(), id: fc.nat() }),
        ),
        (rows) => {
          const out = new ByteWriter()
          for (const { tiny, text: each, far, ratio, id } of rows)
            out.u8(tiny).text(each).u48(far).f64(ratio).short(String(id)).long(each).u16(tiny).u32(id)
          const reader = new ByteReader(out.take())
          for (const { tiny, text: each, far, ratio, id } of rows) {
            const read = [
              reader.u8(),
              reader.text(),
              reader.u48(),
              reader.f64(),
              reader.short(),
              reader.long(),
            ]
            expect(read).toEqual([tiny, each, far, ratio, String(id), each])
            expect([reader.u16(), reader.u32()]).toEqual([tiny, id])
          }
          expect(reader.isAtEnd).toBe(true)
        },
      ),
    )
  })

  it('a writer begins anew in a buffer of its own', () => {
    const out = new ByteWriter()
    const first = out.text('first').take()
    const second = out.text('other').take()
    expect(first.subarray(2).toString()).toBe('first')
    expect(second.subarray(2).toString()).toBe('other')
  })

  it('what is cut short throws, wherever', () => {
    const out = new ByteWriter()
    writeEvent(out, { action: 'cancel', route, tid: 't', client: 'c', host: 'h', reason: 'enough' })
    const bytes = out.take()
    for (let end = 0; end < bytes.length; end++)
      expect(() => readEvent(bytes.subarray(0, end), route, 't'), String(end)).toThrow(RangeError)
  })

  it('a task comes back as it was', () => {
    const tasks = fc.record({
      tid: text.filter((each) => each.length > 0),
      workgroup: text,
      body,
      codec,
      attempts: fc.integer({ min: 1, max: 0xffff_ffff }),
      ttlMs: fc.nat(2 ** 47),
      delayMs: fc.nat(2 ** 47),
      waitForWorkers: fc.boolean(),
      headers,
      client: text,
      host: text,
    })
    fc.assert(
      fc.property(
        tasks,
        fc.nat(2 ** 40),
        fc.integer({ min: -10_000, max: 10_000 }),
        (parts, endsAt, aheadMs) => {
          const task = present({ ...parts, route, priority: 4, deadline: 0 }) as TaskMessage
          const out = new ByteWriter()
          writeTask(out, task)
          // As the script `send` ends it.
          const read = readTask(out.u48(endsAt).take(), route, aheadMs)
          const deadline = endsAt === 0 ? Number.POSITIVE_INFINITY : endsAt + aheadMs
          expect(read).toEqual({ ...task, deadline })
        },
      ),
    )
  })

  it('an event comes back as it was', () => {
    const base = { route: fc.constant(route), tid: fc.constant('t'), client: text, host: text, headers }
    const events = fc.oneof(
      fc.record({
        ...base,
        action: fc.constant('status' as const),
        status: fc.constantFrom('initialized', 'progress'),
        progress: fc.double({ min: 0, max: 100, noNaN: true }),
        seq: fc.nat(),
        attempt,
        workgroup: text,
        codec,
        body,
      }),
      fc.record({
        ...base,
        action: fc.constant('complete' as const),
        status: fc.constantFrom('succeed', 'failed', 'cancelled', 'expired'),
        attempt,
        workgroup: text,
        codec,
        body,
        error: fc.option(fc.record({ code: text, message: text, retryable: fc.boolean() }), {
          nil: undefined,
        }),
      }),
      fc.record({ ...base, action: fc.constant('cancel' as const), reason: text }),
      fc.record({ ...base, action: fc.constantFrom('idle', 'online', 'dismiss'), codec, body }),
    )
    fc.assert(
      fc.property(events, (parts) => {
        const event = present(parts) as AetherEvent
        const out = new ByteWriter()
        writeEvent(out, event)
        expect(readEvent(out.take(), route, 't')).toEqual(event)
      }),
    )
  })

  it('no body and an empty one are two things', () => {
    const complete: CompleteEvent = {
      action: 'complete',
      route,
      tid: 't',
      client: 'c',
      host: 'h',
      status: 'succeed',
      attempt: 1,
      workgroup: 'g',
      codec: 'json',
    }
    const status: StatusEvent = { ...complete, action: 'status', status: 'progress', progress: 1, seq: 1 }
    for (const event of [complete, status]) {
      for (const parts of [{}, { body: new Uint8Array() }]) {
        const out = new ByteWriter()
        writeEvent(out, { ...event, ...parts })
        expect(readEvent(out.take(), route, 't')).toEqual({ ...event, ...parts })
      }
    }
  })
})
