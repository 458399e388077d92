import { type Aether, createAether, type Transport } from '@aether/core'
import { until } from '@aether/testing'
import { memory } from '@aether/transport-memory'
import { describe, expect, it, onTestFinished } from 'vitest'

import { consumePath, type ConsumePath } from '../../src/service/consume-path.ts'
import { silentLogger } from '../captured-handler.ts'

interface Made {
  readonly aether: Aether
  readonly path: ConsumePath
  /** While true, what consumers are handed is swallowed: the connection looks alive and brings nothing. */
  readonly faults: { isDeaf: boolean }
}

/** A transport whose deliveries can be made to vanish. */
function deafable(transport: Transport, faults: { isDeaf: boolean }): Transport {
  return new Proxy(transport, {
    get(target, key) {
      if (key === 'consume') {
        const consume: Transport['consume'] = (route, options, handler) =>
          target.consume(route, options, (delivery) => {
            if (!faults.isDeaf) handler(delivery)
          })
        return consume
      }
      const value: unknown = Reflect.get(target, key)
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
}

async function made(): Promise<Made> {
  const faults = { isDeaf: false }
  const aether = createAether({ union: 'test', transport: deafable(memory(), faults) })
  const path = consumePath(aether, {
    clock: { monotonic: () => performance.now() },
    logger: silentLogger,
    intervalMs: 20,
    timeoutMs: 60,
  })
  onTestFinished(async () => {
    await path.close()
    await aether.close()
  })
  await aether.start()
  return { aether, path, faults }
}

const { signal } = new AbortController()

describe('consumePath', () => {
  it('is not healthy before a task has come through, and healthy after', async () => {
    const { path } = await made()
    expect(path.report()).toMatchObject({ isHealthy: false, reason: 'no task has come through yet' })
    await path.start({ signal })
    expect(path.report()).toMatchObject({ isHealthy: true, transport: 'ready' })
  })

  it('notices that nothing comes through though the transport says ready, and that it does again', async () => {
    const { path, faults } = await made()
    await path.start({ signal })
    faults.isDeaf = true
    await until(() => !path.report().isHealthy, { what: 'red' })
    expect(path.report()).toMatchObject({
      transport: 'ready',
      reason: expect.stringMatching(/no task has come through for \d+ ms/),
    })
    faults.isDeaf = false
    await until(() => path.report().isHealthy, { what: 'green again' })
  })

  it('is not healthy once the transport is closed', async () => {
    const { aether, path } = await made()
    await path.start({ signal })
    await path.close()
    await aether.close()
    expect(path.report()).toMatchObject({
      isHealthy: false,
      reason: expect.stringContaining('the transport is clos'),
    })
  })
})
