import { emptyBytes } from '../codec/utf8.ts'
import type { Signal, SignalKind } from '../lease/relay.ts'
import { isName } from '../topic/names.ts'
import type { RouteCache } from '../topic/route-cache.ts'
import { routeKey } from '../topic/topic.ts'
import { invalidEnvelope } from './envelope-errors.ts'
import type { Parcel } from './envelope.ts'
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
  const { fields, body } = signal.event
    ? eventToParcel(signal.event)
    : { fields: bare(signal), body: emptyBytes }
  return {
    body,
    fields: {
      ...fields,
      signal: signal.kind,
      route: routeKey(signal.route),
      tid: signal.tid,
      workgroup: signal.workgroup,
      attempt: signal.attempt,
      ...(signal.from !== undefined && { replyTo: signal.from }),
      ...(signal.leaseMs !== undefined && { leaseMs: signal.leaseMs }),
      ...(signal.delayMs !== undefined && { delayMs: signal.delayMs }),
      ...(signal.failed !== undefined && { failed: signal.failed }),
      ...(signal.deadLetter !== undefined && { deadLetter: signal.deadLetter }),
    },
  }
}

function bare(signal: Signal): Parcel['fields'] {
  const error = signal.error && { error: signal.error }
  const seq = signal.seq !== undefined && { seq: signal.seq }
  return { action: 'lease', status: signal.kind, progress: 0, host: '', client: '', ...seq, ...error }
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
  return {
    kind,
    route,
    tid: fields.tid,
    workgroup: fields.workgroup ?? '',
    attempt: fields.attempt ?? 0,
    ...(fields.replyTo !== undefined && { from: fields.replyTo }),
    ...(fields.leaseMs !== undefined && { leaseMs: fields.leaseMs }),
    ...(fields.seq !== undefined && !event && { seq: fields.seq }),
    ...(fields.delayMs !== undefined && { delayMs: fields.delayMs }),
    ...(fields.failed !== undefined && { failed: fields.failed }),
    ...(fields.deadLetter !== undefined && { deadLetter: fields.deadLetter }),
    ...(fields.error && !event && { error: fields.error }),
    ...(event && { event }),
  }
}
