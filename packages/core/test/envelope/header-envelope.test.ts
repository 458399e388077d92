import { expect, test } from 'vitest'

import { decodeHeaders, encodeHeaders } from '../../src/envelope/header-envelope.ts'

const invalid = expect.objectContaining({ code: 'ERR_AETHER_ENVELOPE_INVALID' })
const body = new Uint8Array(0)

test.each([
  ['no action', {}],
  ['a progress that is no number', { 'ae-action': 'status', 'ae-progress': 'half' }],
  ['an empty number', { 'ae-action': 'status', 'ae-attempt': ' ' }],
  ['a boolean that is none', { 'ae-action': 'perform', 'ae-waitForWorkers': 'yes' }],
  ['an error that is no JSON', { 'ae-action': 'complete', 'ae-error': '{' }],
  ['an error that is no object', { 'ae-action': 'complete', 'ae-error': '5' }],
])('refuses %s', (_, headers) => {
  expect(() => decodeHeaders({ headers, body })).toThrow(invalid)
})

test('a header of the task may not pass for a field', () => {
  const fields = {
    action: 'perform',
    status: '',
    progress: 0,
    host: '',
    client: '',
    headers: { 'ae-attempt': '9' },
  }
  expect(() => encodeHeaders({ fields, body })).toThrow(invalid)
})

test('unknown fields of a newer peer are ignored', () => {
  expect(decodeHeaders({ headers: { 'ae-action': 'idle', 'ae-color': 'red' }, body }).fields).toEqual({
    action: 'idle',
    status: '',
    progress: 0,
    host: '',
    client: '',
  })
})
