import type { AetherEvent, CompleteEvent, StatusEvent, TerminalStatus } from '../transport.ts'
import { codecField, codecOf } from './codec-name.ts'
import { invalidEnvelope } from './envelope-errors.ts'
import type { EnvelopeFields, Parcel } from './envelope.ts'
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
      return { fields: { ...completeFields(event), ...headers }, body: event.body ?? failureBody(event) }
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
  const { action, status, host, client, workgroup, attempt } = event
  const base = { action, progress: 100, host, client, workgroup, ...codecField(event.codec), attempt }
  if (status === 'succeed') return { ...base, status, ...(event.error && { error: event.error }) }
  if (status === 'failed') return { ...base, status, ...(event.error && { error: event.error }) }
  return { ...base, status: 'failed', outcome: status, error: event.error ?? outcomeError(status) }
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
  const { action, client, host } = fields
  const base = {
    route: at.route,
    tid: at.tid,
    client,
    host,
    ...(fields.headers && { headers: fields.headers }),
  }
  switch (action) {
    case 'status':
      return statusFromParcel(parcel, base)
    case 'complete':
      return completeFromParcel(parcel, base)
    case 'cancel':
      return { ...base, action, reason: fields.reason ?? 'cancelled' }
    case 'idle':
    case 'online':
    case 'dismiss':
      return { ...base, action, body, codec: codecOf(fields) }
    default:
      throw invalidEnvelope(`action ${JSON.stringify(action.slice(0, 40))} is not known`)
  }
}

type EventBase = Pick<StatusEvent, 'client' | 'headers' | 'host' | 'route' | 'tid'>

function statusFromParcel({ fields, body }: Parcel, base: EventBase): StatusEvent {
  return {
    ...base,
    action: 'status',
    status: fields.status === 'initialized' ? 'initialized' : 'progress',
    progress: fields.progress,
    seq: fields.seq ?? 0,
    attempt: fields.attempt ?? 0,
    workgroup: fields.workgroup ?? '',
    ...(body.length > 0 && { body }),
    codec: codecOf(fields),
  }
}

function completeFromParcel({ fields, body }: Parcel, base: EventBase): CompleteEvent {
  return {
    ...base,
    action: 'complete',
    status: outcomeOf(fields),
    attempt: fields.attempt ?? 0,
    workgroup: fields.workgroup ?? '',
    ...(body.length > 0 && { body }),
    codec: codecOf(fields),
    ...(fields.error && { error: fields.error }),
  }
}

function outcomeOf({ status, outcome }: EnvelopeFields): TerminalStatus {
  if (status === 'succeed') return 'succeed'
  if (status !== 'failed')
    throw invalidEnvelope(
      `a complete has status succeed or failed, not ${JSON.stringify(status.slice(0, 40))}`,
    )
  return outcome === 'cancelled' || outcome === 'expired' ? outcome : 'failed'
}
