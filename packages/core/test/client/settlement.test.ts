import { describe, expect, it } from 'vitest'

import { Plans } from '../../src/app/plan.ts'
import { settlementOf } from '../../src/client/settlement.ts'
import { json } from '../../src/codec/json-codec.ts'
import type { CompleteEvent } from '../../src/transport.ts'
import { echo } from '../support/settings.ts'

const plan = new Plans('u', undefined).of(echo)

/** As a peer in Python says it: with data, and without an error. */
function failed(body: Uint8Array): CompleteEvent {
  return {
    action: 'complete',
    status: 'failed',
    route: { union: 'u', job: 'test', task: 'echo', context: 'x' },
    tid: '1',
    client: 'py',
    host: 'h',
    attempt: 0,
    workgroup: 'workers',
    codec: 'json',
    body,
  }
}

describe('settlementOf a failure that brings no error', () => {
  it('keeps what its worker said as data', () => {
    expect(settlementOf(plan, failed(json.encode({ why: 'no paper' })))).toMatchObject({
      status: 'failed',
      error: { code: 'ERR_AETHER_TASK_FAILED', detail: { tid: '1', data: { why: 'no paper' } } },
    })
  })

  it('takes a text for the message', () => {
    expect(settlementOf(plan, failed(json.encode('no paper')))).toMatchObject({
      error: { message: 'no paper', detail: { data: 'no paper' } },
    })
  })

  it('is a failure all the same where nobody can read it', () => {
    const settlement = settlementOf(plan, failed(Uint8Array.of(0x7b, 0xff)))
    expect(settlement).toMatchObject({ status: 'failed', error: { detail: { tid: '1' } } })
    expect(settlement).not.toHaveProperty('error.detail.data')
  })
})
