import type { AetherEvent, CompleteEvent, ErrorShape, Route, StatusEvent, TerminalStatus } from '@aether/core'
import { ByteReader } from './byte-reader.ts'
import type { ByteWriter } from './byte-writer.ts'
import { codecByte, codecName } from './codec-byte.ts'
import { endedError } from './queue-errors.ts'

const kinds = ['status', 'complete', 'cancel', 'idle', 'online', 'dismiss'] as const
const outcomes: readonly TerminalStatus[] = ['succeed', 'failed', 'cancelled', 'expired']
const empty = new Uint8Array(0)

/** Why an event says what it says, where a script wrote it or keeps it for later. */
export const EndReason = { said: 0, cancelled: 1, ttl: 2, deadline: 3, exhausted: 4 } as const

interface Extras {
  readonly headers?: Readonly<Record<string, string>>
  readonly error?: ErrorShape
}

/**
 * Packs an event: kind, status, codec, reason and attempt; client, host, workgroup and a text; headers and error as JSON where there are any; for a status its number and
 * progress; then the body. The scripts write the same where they end a task themselves: `ended_event`.
 */
export function writeEvent(out: ByteWriter, event: AetherEvent, reason: number = EndReason.said): void {
  const body = 'body' in event ? event.body : undefined
  const isNumbered = event.action === 'status' || event.action === 'complete'
  out
    .u8(kinds.indexOf(event.action) + 1)
    .u8(statusByte(event))
    .u8(body === undefined || !('codec' in event) ? 0 : codecByte(event.codec))
    .u8(reason)
    .u32(isNumbered ? event.attempt : 0)
    .text(event.client)
    .text(event.host)
    .text(isNumbered ? event.workgroup : '')
    .text(event.action === 'cancel' ? event.reason : '')
    .long(extrasOf(event))
  if (event.action === 'status') out.u32(event.seq).f64(event.progress)
  if (body !== undefined) out.bytes(body)
}

function statusByte(event: AetherEvent): number {
  if (event.action === 'complete') return outcomes.indexOf(event.status)
  return event.action === 'status' && event.status === 'progress' ? 1 : 0
}

function extrasOf(event: AetherEvent): string {
  const error = event.action === 'complete' ? event.error : undefined
  if (event.headers === undefined && error === undefined) return ''
  return JSON.stringify({ headers: event.headers, error })
}

/** Reads what `writeEvent` or a script wrote. Throws where it is neither. */
export function readEvent(bytes: Buffer, route: Route, tid: string): AetherEvent {
  const reader = new ByteReader(bytes)
  const action = kinds[reader.u8() - 1]
  if (action === undefined) throw new RangeError('an event of no known kind')
  const status = reader.u8()
  const codec = reader.u8()
  const reason = reader.u8()
  const attempt = reader.u32()
  const client = reader.text()
  const host = reader.text()
  const workgroup = reader.text()
  const text = reader.text()
  const json = reader.long()
  const extras = (json === '' ? {} : JSON.parse(json)) as Extras
  const base = { route, tid, client, host, ...(extras.headers && { headers: extras.headers }) }
  if (action === 'cancel') return { ...base, action, reason: text }
  if (action === 'status') {
    const seq = reader.u32()
    const progress = reader.f64()
    const event: StatusEvent = {
      ...base,
      action,
      status: status === 1 ? 'progress' : 'initialized',
      progress,
      seq,
      attempt,
      workgroup,
      codec: codecName(codec),
    }
    return codec === 0 ? event : { ...event, body: reader.body() }
  }
  const body = codec === 0 ? undefined : reader.body()
  if (action !== 'complete') return { ...base, action, body: body ?? empty, codec: codecName(codec) }
  const outcome = outcomes[status] ?? 'failed'
  const error =
    extras.error ?? (reason === EndReason.said ? undefined : endedError(reason, tid, attempt, text))
  const event: CompleteEvent = {
    ...base,
    action,
    status: outcome,
    attempt,
    workgroup,
    codec: codecName(codec),
  }
  if (body === undefined) return error === undefined ? event : { ...event, error }
  return error === undefined ? { ...event, body } : { ...event, body, error }
}
