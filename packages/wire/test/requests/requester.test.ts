import { expect, it, vi } from 'vitest'
import { bytes, started } from '../support/script-client.ts'

it('ends with the reason of its signal also while there is no connection', async () => {
  const { broker, client } = await started({}, { connectTimeoutMs: 5_000 })
  broker.refusal = new Error('gone')
  broker.last.lose()
  await vi.waitFor(() => expect(client.state.status).toBe('reconnecting'))
  const abort = new AbortController()
  const asking = client.request('a', bytes('?'), { signal: abort.signal })
  abort.abort(new Error('enough'))
  await expect(asking).rejects.toThrow('enough')
})
