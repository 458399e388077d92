import { emptyBytes } from '../codec/utf8.ts'
import type { Signal, SignalKind } from '../lease/relay.ts'
import { isName } from '../topic/names.ts'
import type { RouteCache } from '../topic/route-cache.ts'
import { routeKey } from '../topic/topic.ts'
import { invalidEnvelope } from './envelope-errors.ts'
import type { EnvelopeFields, Parcel, Writable } from './envelope.ts'
import { eventFromParcel, eventToParcel } from './event-envelope.ts'

const kinds: Readonly<Record<SignalKind, true>> = {
  accept: true,
  hold: true,
  busy: true,
  renew: true,
  status: true,
  complete: true,
  release: true,
  cancelled: true,
  renewed: true,
  confirm: true,
  revoke: true,
  attach: true,
  attached: true,
  settled: true,
  cancel: true,
  stopped: true,
  over: true,
}

/** A signal of the lease layer; one that carries an event is that event's envelope with a few fields more. */
export function signalToParcel(signal: Signal): Parcel {
  const { kind, event } = signal
  // Field by field: several signals belong to each task, and spreads would cost more than all the rest.
  const parcel = event && eventToParcel(event)
  // The fields of an event were made for it alone: a few more find room there.
  const fields: Writable<EnvelopeFields> = parcel
    ? parcel.fields
    : { action: 'lease', status: kind, progress: 0, host: '', client: '' }
  fields.signal = kind
  fields.route = routeKey(signal.route)
  fields.tid = signal.tid
  fields.workgroup = signal.workgroup
  fields.attempt = signal.attempt
  if (signal.from !== undefined) fields.replyTo = signal.from
  if (signal.leaseMs !== undefined) fields.leaseMs = signal.leaseMs
  if (signal.delayMs !== undefined) fields.delayMs = signal.delayMs
  if (signal.failed !== undefined) fields.failed = signal.failed
  if (signal.deadLetter !== undefined) fields.deadLetter = signal.deadLetter
  if (!parcel && signal.seq !== undefined) fields.seq = signal.seq
  if (!parcel && signal.error !== undefined) fields.error = signal.error
  return { fields, body: parcel?.body ?? emptyBytes }
}

/** Throws `ERR_AETHER_ENVELOPE_INVALID` where the parcel is no signal. */
export function signalFromParcel(parcel: Parcel, routes: RouteCache): Signal {
  const { fields } = parcel
  const kind = fields.signal as SignalKind | undefined
  if (kind === undefined || !Object.hasOwn(kinds, kind)) throw invalidEnvelope('no signal that is known here')
  const route = fields.route === undefined ? undefined : routes.get(fields.route)
  if (!route || !isName(fields.tid)) throw invalidEnvelope('a signal without a valid route and tid')
  const event = fields.action === 'lease' ? undefined : eventFromParcel(parcel, { route, tid: fields.tid })
  if (event && event.action !== 'status' && event.action !== 'complete') {
    throw invalidEnvelope(`a signal with a ${event.action} event`)
  }
  const signal: Writable<Signal> = {
    kind,
    route,
    tid: fields.tid,
    workgroup: fields.workgroup ?? '',
    attempt: fields.attempt ?? 0,
  }
  if (fields.replyTo !== undefined) signal.from = fields.replyTo
  if (fields.leaseMs !== undefined) signal.leaseMs = fields.leaseMs
  if (fields.delayMs !== undefined) signal.delayMs = fields.delayMs
  if (fields.failed !== undefined) signal.failed = fields.failed
  if (fields.deadLetter !== undefined) signal.deadLetter = fields.deadLetter
  if (event) {
    signal.event = event
    return signal
  }
  if (fields.seq !== undefined) signal.seq = fields.seq
  if (fields.error) signal.error = fields.error
  return signal
}
