import type { AetherEvent, CompleteEvent, StatusEvent, TerminalStatus } from '../transport.ts'
import { codecField, codecOf } from './codec-name.ts'
import { invalidEnvelope } from './envelope-errors.ts'
import type { EnvelopeFields, Parcel, Writable } from './envelope.ts'
import { json } from '../codec/json-codec.ts'
import { emptyBytes } from '../codec/utf8.ts'
import type { Address } from './task-envelope.ts'

const presence = {
  idle: { status: 'online', progress: 100 },
  online: { status: 'connected', progress: 100 },
  dismiss: { status: 'dismissed', progress: 100 },
} as const

export function eventToParcel(event: AetherEvent): Parcel {
  const { action, client, host } = event
  const headers = event.headers && { headers: event.headers }
  switch (action) {
    case 'status': {
      const { status, progress, seq, attempt, workgroup } = event
      const codec = codecField(event.codec)
      const fields = { action, status, progress, host, client, workgroup, ...codec, attempt, seq, ...headers }
      return { fields, body: event.body ?? emptyBytes }
    }
    case 'complete':
      return { fields: completeFields(event), body: event.body ?? failureBody(event) }
    case 'cancel': {
      const fields = {
        action,
        status: 'cancelled',
        progress: 0,
        host,
        client,
        reason: event.reason,
        ...headers,
      }
      return { fields, body: emptyBytes }
    }
    default:
      return {
        fields: { action, ...presence[action], host, client, ...codecField(event.codec), ...headers },
        body: event.body,
      }
  }
}

/** AetherMagic knows `succeed` and `failed` only: cancelled and expired travel as failed, with the outcome and an error that says so. */
function completeFields(event: CompleteEvent): EnvelopeFields {
  const { action, status, host, client, workgroup, attempt, error, headers } = event
  const isKnown = status === 'succeed' || status === 'failed'
  const fields: Writable<EnvelopeFields> = {
    action,
    status: isKnown ? status : 'failed',
    progress: 100,
    host,
    client,
    workgroup,
    attempt,
  }
  if (event.codec !== 'json') fields.codec = event.codec
  if (!isKnown) fields.outcome = status
  if (!isKnown) fields.error = error ?? outcomeError(status)
  else if (error !== undefined) fields.error = error
  if (headers !== undefined) fields.headers = headers
  return fields
}

/** What `complete(false, data)` said stands in `data` too: a Python peer looks for it there, and knows no `error`. */
function failureBody({ status, error }: CompleteEvent): Uint8Array {
  const data = error?.detail?.['data']
  if (status !== 'failed' || data === undefined) return emptyBytes
  try {
    return json.encode(data)
  } catch {
    // The failure itself must go out; its detail holds what JSON made of the data.
    return emptyBytes
  }
}

function outcomeError(status: 'cancelled' | 'expired'): NonNullable<CompleteEvent['error']> {
  const code = status === 'cancelled' ? 'ERR_AETHER_TASK_CANCELLED' : 'ERR_AETHER_TASK_EXPIRED'
  return {
    code,
    message: `the task was ${status === 'expired' ? 'not done in time' : 'cancelled'}`,
    retryable: false,
  }
}

/** Throws `ERR_AETHER_ENVELOPE_INVALID` where the parcel is no event. Missing attempts are 0: a peer that knows none. */
export function eventFromParcel(parcel: Parcel, at: Address): AetherEvent {
  const { fields, body } = parcel
  const { action } = fields
  switch (action) {
    case 'status':
      return statusFromParcel(parcel, at)
    case 'complete':
      return completeFromParcel(parcel, at)
    case 'cancel':
      return { ...baseOf(fields, at), action, reason: fields.reason ?? 'cancelled' }
    case 'idle':
    case 'online':
    case 'dismiss':
      return { ...baseOf(fields, at), action, body, codec: codecOf(fields) }
    default:
      throw invalidEnvelope(`action ${JSON.stringify(action.slice(0, 40))} is not known`)
  }
}

function baseOf({ client, host, headers }: EnvelopeFields, { route, tid }: Address): EventBase {
  return { route, tid, client, host, ...(headers && { headers }) }
}

type EventBase = Pick<StatusEvent, 'client' | 'headers' | 'host' | 'route' | 'tid'>

// Status and complete come once and more a task: fields one by one, as in signals.

function statusFromParcel({ fields, body }: Parcel, { route, tid }: Address): StatusEvent {
  const event: Writable<StatusEvent> = {
    action: 'status',
    route,
    tid,
    client: fields.client,
    host: fields.host,
    status: fields.status === 'initialized' ? 'initialized' : 'progress',
    progress: fields.progress,
    seq: fields.seq ?? 0,
    attempt: fields.attempt ?? 0,
    workgroup: fields.workgroup ?? '',
    codec: codecOf(fields),
  }
  if (body.length > 0) event.body = body
  if (fields.headers) event.headers = fields.headers
  return event
}

function completeFromParcel({ fields, body }: Parcel, { route, tid }: Address): CompleteEvent {
  const event: Writable<CompleteEvent> = {
    action: 'complete',
    route,
    tid,
    client: fields.client,
    host: fields.host,
    status: outcomeOf(fields),
    attempt: fields.attempt ?? 0,
    workgroup: fields.workgroup ?? '',
    codec: codecOf(fields),
  }
  if (body.length > 0) event.body = body
  if (fields.error) event.error = fields.error
  if (fields.headers) event.headers = fields.headers
  return event
}

function outcomeOf({ status, outcome }: EnvelopeFields): TerminalStatus {
  if (status === 'succeed') return 'succeed'
  if (status !== 'failed')
    throw invalidEnvelope(
      `a complete has status succeed or failed, not ${JSON.stringify(status.slice(0, 40))}`,
    )
  return outcome === 'cancelled' || outcome === 'expired' ? outcome : 'failed'
}
