import { describe, expect, it } from 'vitest'

import { formatTraceparent, parseTraceparent, traceHeaders } from '../../src/trace/traceparent.ts'

const valid = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'

describe('traceparent', () => {
  it('is taken apart and put together again', () => {
    const parent = parseTraceparent(valid)
    expect(parent).toEqual({
      traceId: '0af7651916cd43dd8448eb211c80319c',
      spanId: 'b7ad6b7169203331',
      flags: 1,
    })
    expect(parent && formatTraceparent(parent)).toBe(valid)
  })

  it('of a later version may hold more', () => {
    expect(parseTraceparent(valid.replace('00-', '01-') + '-more')).toMatchObject({ flags: 1 })
  })

  it.each([
    undefined,
    '',
    'x',
    valid.replace('00-', 'ff-'),
    `${valid}-more`,
    valid.toUpperCase(),
    valid.replace('0af7651916cd43dd8448eb211c80319c', '0'.repeat(32)),
    valid.replace('b7ad6b7169203331', '0'.repeat(16)),
  ])('%s is ignored', (text) => {
    expect(parseTraceparent(text)).toBeUndefined()
  })

  it('and tracestate are all of the headers that goes along with events', () => {
    expect(traceHeaders({ traceparent: valid, tracestate: 'a=1', tenant: 'x' })).toEqual({
      traceparent: valid,
      tracestate: 'a=1',
    })
    expect(traceHeaders({ tracestate: 'a=1' })).toBeUndefined()
  })
})
