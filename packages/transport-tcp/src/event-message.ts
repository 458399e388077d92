import {
  type AetherEvent,
  type CodecName,
  type CompleteEvent,
  parseTopic,
  type Route,
  type RouteCache,
  type StatusEvent,
  type TerminalStatus,
} from '@aether/core'
import { type CompleteFrame, type Message, type StatusFrame } from '@aether/wire'
import { type BlockHeaders, plainHeaders, readBlockHeaders } from './block-headers.ts'
import { codecName } from './codec-byte.ts'
import { endedError } from './errors.ts'

const empty = new Uint8Array(0)
const outcomes: readonly TerminalStatus[] = ['succeed', 'failed', 'cancelled', 'expired']
const reasons: Readonly<Record<string, number>> = {
  cancelled: 1,
  'queue-ttl': 2,
  deadline: 3,
  'attempts-exhausted': 4,
}

type Writable<T> = { -readonly [K in keyof T]: T[K] }

/** What a run is known by where its frames come in. */
export interface RunAddress {
  readonly route: Route
  readonly tid: string
  /** The workgroup that answers, where the caller named it. */
  readonly workgroup: string | undefined
}

/** The event of a STATUS frame. */
export function statusOf(
  run: RunAddress,
  frame: StatusFrame,
  bytes: Uint8Array,
  said: BlockHeaders,
): StatusEvent {
  return withBody<StatusEvent>(
    {
      action: 'status',
      route: run.route,
      tid: run.tid,
      client: said.client,
      host: said.host,
      status: frame.status === 0 ? 'initialized' : 'progress',
      progress: frame.progress,
      seq: frame.seq,
      attempt: frame.attempt,
      workgroup: run.workgroup ?? said.workgroup,
      codec: codecName(frame.codec),
    },
    bodyOf(frame, bytes),
    said.headers,
  )
}

/** The event of a COMPLETE frame. */
export function completeOf(
  run: RunAddress,
  frame: CompleteFrame,
  bytes: Uint8Array,
  said: BlockHeaders,
): CompleteEvent {
  return withBody<CompleteEvent>(
    complete(
      run,
      outcomes[frame.outcome] ?? 'failed',
      frame.attempt,
      frame.reason,
      said,
      codecName(frame.codec),
    ),
    bodyOf(frame, bytes),
    said.headers,
  )
}

/** Headers and payload of the message that carries an event to those who listen. */
export function eventToMessage(event: AetherEvent): {
  readonly headers: Record<string, string>
  readonly payload: Uint8Array
} {
  const headers = plainHeaders(event)
  const payload = 'body' in event && event.body !== undefined ? event.body : undefined
  if (payload !== undefined && 'codec' in event) headers['k'] = event.codec
  switch (event.action) {
    case 'status':
      headers['s'] = event.status
      headers['p'] = String(event.progress)
      headers['q'] = String(event.seq)
      headers['a'] = String(event.attempt)
      break
    case 'complete':
      headers['s'] = event.status
      headers['a'] = String(event.attempt)
      break
    case 'cancel':
      headers['m'] = event.reason
      break
    default:
  }
  return { headers, payload: payload ?? empty }
}

/** The event that a message carries; undefined where it is none of ours. */
export function eventFromMessage(message: Message, routes: RouteCache): AetherEvent | undefined {
  const at = parseTopic(message.topic, routes)
  if (at === undefined || at.action === 'perform') return undefined
  const said = message.readHeaders(readBlockHeaders)
  const { route, tid, action } = at
  const fields = said.fields
  const { client, host } = said
  const own = said.headers === undefined ? {} : { headers: said.headers }
  const codec = (fields['k'] ?? 'json') as CodecName
  const body = fields['k'] === undefined ? undefined : message.payload
  const run = { route, tid, workgroup: said.workgroup }
  switch (action) {
    case 'status': {
      const status = fields['s'] === 'initialized' ? 'initialized' : 'progress'
      const numbers = {
        progress: Number(fields['p'] ?? 0),
        seq: Number(fields['q'] ?? 0),
        attempt: Number(fields['a'] ?? 0),
      }
      return withBody<StatusEvent>(
        { action, route, tid, client, host, status, ...numbers, workgroup: said.workgroup, codec },
        body,
        said.headers,
      )
    }
    case 'complete': {
      const status = outcomes.find((outcome) => outcome === fields['s']) ?? 'failed'
      const reason = reasons[fields['o'] ?? ''] ?? 0
      return withBody<CompleteEvent>(
        complete(run, status, Number(fields['a'] ?? 0), reason, said, codec),
        body,
        said.headers,
      )
    }
    case 'cancel':
      return { action, route, tid, client, host, reason: said.text, ...own }
    default:
      return { action, route, tid, client, host, body: body ?? empty, codec, ...own }
  }
}

function complete(
  run: RunAddress,
  status: TerminalStatus,
  attempt: number,
  reason: number,
  said: BlockHeaders,
  codec: CodecName,
): CompleteEvent {
  const base: CompleteEvent = {
    action: 'complete',
    route: run.route,
    tid: run.tid,
    client: said.client,
    host: said.host,
    status,
    attempt,
    workgroup: run.workgroup ?? said.workgroup,
    codec,
  }
  const error = reason === 0 ? said.error : endedError(reason, run.tid, attempt, said.error, said.text)
  return error === undefined ? base : { ...base, error }
}

/** Fills up an event that was just made: a copy of it would cost more than the event did. */
function withBody<E extends StatusEvent | CompleteEvent>(
  event: Writable<E>,
  body: Uint8Array | undefined,
  headers: E['headers'],
): E {
  if (body !== undefined) event.body = body
  if (headers !== undefined) event.headers = headers
  return event
}

/** Undefined where the block says that it has none. */
function bodyOf(frame: StatusFrame | CompleteFrame, bytes: Uint8Array): Uint8Array | undefined {
  if (frame.codec === 0) return undefined
  return new Uint8Array(bytes.buffer, bytes.byteOffset + frame.bodyAt, frame.end - frame.bodyAt)
}
