import fc from 'fast-check'
import { expect, test } from 'vitest'

import { decodeHeaders, encodeHeaders } from '../../src/envelope/header-envelope.ts'
import { decodeEnvelope, encodeEnvelope } from '../../src/envelope/json-envelope.ts'
import { signalFromParcel, signalToParcel } from '../../src/envelope/signal-envelope.ts'
import { taskFromParcel, taskToParcel } from '../../src/envelope/task-envelope.ts'
import type { Signal } from '../../src/lease/relay.ts'
import { isName } from '../../src/topic/names.ts'
import { routeCache } from '../../src/topic/route-cache.ts'
import { defaults, withHex } from '../support/envelope-vectors.ts'

const name = fc.string({ minLength: 1, maxLength: 12 }).filter(isName)
const text = fc.string({ minLength: 1, maxLength: 20 })
const route = fc.record({ union: name, job: name, task: name, context: name })
const count = fc.integer({ min: 1, max: 2 ** 40 })
const headers = fc.dictionary(
  text.filter((key) => !key.startsWith('ae-') && key !== '__proto__'),
  fc.string(),
  { minKeys: 1, maxKeys: 3 },
)
const jsonBody = fc.jsonValue().map((value) => new TextEncoder().encode(JSON.stringify(value)))
const payload = fc.oneof(
  fc.record({ codec: fc.constant('json' as const), body: jsonBody }),
  fc.record({ codec: fc.constantFrom('raw' as const, 'msgpack' as const), body: fc.uint8Array() }),
)
const error = fc.record(
  { code: text, message: fc.string(), retryable: fc.boolean(), detail: fc.constant({ a: 1 }) },
  { requiredKeys: ['code', 'message', 'retryable'] },
)

const task = fc
  .record({
    route,
    tid: name,
    workgroup: name,
    attempts: count,
    deadline: count,
    ttlMs: fc.nat(),
    delayMs: fc.nat(),
  })
  .chain((base) =>
    fc
      .tuple(payload, fc.option(headers), fc.integer({ min: 0, max: 9 }), fc.boolean(), text, text)
      .map(([{ codec, body }, extra, priority, waitForWorkers, client, host]) => ({
        ...base,
        codec,
        body,
        priority,
        waitForWorkers,
        client,
        host,
        ...(extra && { headers: extra }),
      })),
  )
const offer = fc.record(
  { attempt: count, replyTo: text, only: name, sends: count },
  { requiredKeys: ['attempt'] },
)

const address = { route, tid: name, client: text, host: text }
const status = fc
  .tuple(
    fc.record({
      ...address,
      status: fc.constantFrom('initialized' as const, 'progress' as const),
      seq: fc.nat(),
    }),
    payload,
    fc.double({ min: 0, max: 100, noNaN: true }).map((value) => value + 0),
  )
  .map(([base, { codec, body }, progress]) => ({
    action: 'status' as const,
    ...base,
    progress,
    codec,
    ...(body.length > 0 && { body }),
  }))
const complete = fc
  .tuple(fc.record({ ...address, status: fc.constantFrom('succeed' as const, 'failed' as const) }), payload)
  .map(([base, { codec, body }]) => ({
    action: 'complete' as const,
    ...base,
    codec,
    ...(body.length > 0 && { body }),
  }))
const ended = fc
  .record({ ...address, status: fc.constantFrom('cancelled' as const, 'expired' as const), error })
  .map((base) => ({ action: 'complete' as const, codec: 'json' as const, ...base }))
const extras = {
  from: text,
  leaseMs: fc.nat(),
  delayMs: fc.nat(),
  failed: fc.boolean(),
  deadLetter: fc.boolean(),
}

const signal: fc.Arbitrary<Signal> = fc.oneof(
  fc
    .record(
      {
        kind: fc.constantFrom('accept', 'busy', 'revoke'),
        route,
        tid: name,
        workgroup: name,
        attempt: fc.nat(),
        error,
        ...extras,
      },
      { requiredKeys: ['kind', 'route', 'tid', 'workgroup', 'attempt'] },
    )
    .map((value) => value as Signal),
  fc
    .tuple(fc.oneof(status, complete, ended), name, fc.nat(), fc.record(extras, { requiredKeys: [] }))
    .map(([base, workgroup, attempt, more]) => {
      const event = { ...base, workgroup, attempt }
      const { route: at, tid } = event
      return { kind: event.action, route: at, tid, workgroup, attempt, ...more, event }
    }),
)

test('any task survives both forms', () => {
  fc.assert(
    fc.property(task, offer, (message, beside) => {
      const expected = { task: message, offer: beside }
      const parcel = taskToParcel(message, beside)
      const at = { route: message.route, tid: message.tid, defaults }
      expect(withHex(taskFromParcel(decodeHeaders(encodeHeaders(parcel)), at))).toEqual(withHex(expected))
      expect(withHex(taskFromParcel(decodeEnvelope(encodeEnvelope(parcel)), at))).toEqual(withHex(expected))
    }),
  )
})

test('any signal survives both forms, with the event inside it', () => {
  fc.assert(
    fc.property(signal, (message) => {
      const parcel = signalToParcel(message)
      const routes = routeCache()
      expect(withHex(signalFromParcel(decodeHeaders(encodeHeaders(parcel)), routes))).toEqual(
        withHex(message),
      )
      expect(withHex(signalFromParcel(decodeEnvelope(encodeEnvelope(parcel)), routes))).toEqual(
        withHex(message),
      )
    }),
  )
})

test('arbitrary JSON is read or refused with the one code, never anything else', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      try {
        decodeEnvelope(new TextEncoder().encode(JSON.stringify(value)))
      } catch (thrown) {
        expect(thrown).toMatchObject({ code: 'ERR_AETHER_ENVELOPE_INVALID' })
      }
    }),
  )
})
