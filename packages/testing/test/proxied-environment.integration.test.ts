import { describe, expect, it } from 'vitest'

import { proxiedEnvironment } from '../src/index.ts'

const spec = { name: 'w1', union: 'u', workgroup: 'workers', concurrency: 1, leaseMs: 400 }
const nothing = (): void => undefined

describe('proxiedEnvironment', () => {
  it('ends the workers that a case left, frozen ones too', async () => {
    const environment = await proxiedEnvironment({
      // Nobody is asked: the workers of this test have a hub of their own.
      port: 9,
      engine: { kill: nothing, restart: nothing, freeze: nothing, thaw: nothing },
      transport: () => {
        throw new Error('no transport is asked for')
      },
      worker: {
        transportModule: new URL('support/worker-transport.ts', import.meta.url),
        transportOptions: () => ({}),
      },
      close: async () => undefined,
    })
    const stopped = await environment.spawnWorker?.(spec, nothing)
    const frozen = await environment.spawnWorker?.({ ...spec, name: 'w2' }, nothing)
    await stopped?.stop()
    await frozen?.freeze()
    await environment.close()
    expect(await stopped?.exited).toEqual({ code: 0, signal: null })
    expect(await frozen?.exited).toEqual({ code: null, signal: 'SIGKILL' })
  })
})
