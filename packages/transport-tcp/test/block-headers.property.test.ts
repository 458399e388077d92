import { encodeHeaders } from '@aether/wire'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { HeaderDecoder, HeaderEncoder, plainHeaders, readBlockHeaders } from '../src/block-headers.ts'

const name = fc.string({ unit: 'grapheme', maxLength: 20 })
const headers = fc.dictionary(
  fc.oneof(
    fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 8 }),
    fc.constantFrom('c', '~', '~c', 'e', 'constructor'),
  ),
  name,
  { maxKeys: 5, noNullPrototype: true },
)
const error = fc.record(
  {
    code: fc.constant('ERR_AETHER_TASK_FAILED'),
    message: name,
    retryable: fc.boolean(),
    detail: fc.dictionary(fc.constantFrom('a', 'b'), fc.nat()),
  },
  { requiredKeys: ['code', 'message', 'retryable'] },
)
const source = fc.record({
  client: name,
  host: name,
  workgroup: name,
  headers: fc.option(headers, { nil: undefined }),
  error: fc.option(error, { nil: undefined }),
})

describe('headers of blocks', () => {
  it('come back as they were, whatever the application calls its own', () => {
    fc.assert(
      fc.property(source, (given) => {
        const bytes = encodeHeaders(plainHeaders(given))
        const read = readBlockHeaders(bytes, 0, bytes.length)
        expect(read).toMatchObject({ client: given.client, host: given.host, workgroup: given.workgroup })
        expect(read.error).toEqual(given.error)
        expect({ ...read.headers }).toEqual({ ...given.headers })
      }),
    )
  })

  it('are the same from a decoder and an encoder that remember', () => {
    const encoder = new HeaderEncoder()
    const decoder = new HeaderDecoder()
    fc.assert(
      fc.property(fc.array(source, { minLength: 1, maxLength: 8 }), fc.nat(7), (sources, pad) => {
        for (const given of [...sources, ...sources]) {
          const pairs = encoder.encode(given)
          expect(pairs).toEqual(encodeHeaders(plainHeaders(given)))
          const bytes = new Uint8Array(pairs.length + 2 * pad)
          bytes.set(pairs, pad)
          const read = decoder.decode(bytes, pad, pad + pairs.length)
          expect(read).toEqual(readBlockHeaders(pairs, 0, pairs.length))
        }
      }),
    )
  })

  it('leave out a detail that is too large or no object, and keep the error', () => {
    const huge = plainHeaders({
      client: '',
      host: '',
      error: { code: 'E', message: 'm', retryable: false, detail: { x: 'y'.repeat(20_000) } },
    })
    expect(huge['d']).toBeUndefined()
    const odd = encodeHeaders({ e: 'E', m: 'm', d: '{' })
    expect(readBlockHeaders(odd, 0, odd.length).error).toEqual({ code: 'E', message: 'm', retryable: false })
  })
})
