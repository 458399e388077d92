import { describe, expect, it } from 'vitest'

import { json } from '../../src/codec/json-codec.ts'
import { eventFromParcel, eventToParcel } from '../../src/envelope/event-envelope.ts'
import { encodeEnvelope } from '../../src/envelope/json-envelope.ts'
import type { CompleteEvent } from '../../src/transport.ts'

const at = { route: { union: 'u', job: 'j', task: 't', context: 'x' }, tid: '1' }

function failed(detail: Readonly<Record<string, unknown>>): CompleteEvent {
  return {
    ...at,
    action: 'complete',
    status: 'failed',
    client: 'c',
    host: 'h',
    attempt: 1,
    workgroup: 'workers',
    codec: 'json',
    error: { code: 'ERR_AETHER_TASK_FAILED', message: 'completed as failed', retryable: false, detail },
  }
}

describe('a completion as failed', () => {
  it('says its data where a peer in Python looks for it', () => {
    const parcel = eventToParcel(failed({ data: { why: 'no paper' } }))
    expect(JSON.parse(new TextDecoder().decode(encodeEnvelope(parcel)))).toMatchObject({
      action: 'complete',
      status: 'failed',
      data: { why: 'no paper' },
    })
    const read = eventFromParcel(parcel, at)
    expect(read).toMatchObject({ error: { detail: { data: { why: 'no paper' } } } })
    expect(json.decode((read as { body: Uint8Array }).body)).toEqual({ why: 'no paper' })
  })

  it('has no data where none was said, or where JSON has no form for it', () => {
    expect(eventToParcel(failed({ tid: '1' })).body).toHaveLength(0)
    expect(eventToParcel(failed({ data: Uint8Array.of(1) })).body).toHaveLength(0)
  })
})
