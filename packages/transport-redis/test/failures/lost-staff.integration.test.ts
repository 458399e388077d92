import { createAether, defineTask } from '@aether/core'
import { startRedis } from '@aether/services'
import { createFaultProxy } from '@aether/testing'
import { expect, test } from 'vitest'
import { redis, type RedisMode } from '../../src/index.ts'

const task = defineTask({ job: 'accepted', task: 'any', deadlineMs: 30_000, attempts: 5 })

test.each<RedisMode>(['streams', 'lists'])(
  '%s: what was accepted and lost by Redis waits for workers that have yet to come back',
  async (mode) => {
    const server = await startRedis()
    const proxy = await createFaultProxy({ target: { port: server.port } })
    const options = { mode, backoff: { initialMs: 5, maxMs: 20 } } as const
    const workers = createAether({
      union: 'accepted',
      transport: redis({ ...options, url: `redis://127.0.0.1:${proxy.port}` }),
    })
    const caller = createAether({ union: 'accepted', transport: redis({ ...options, url: server.url }) })
    const worker = workers.worker({ concurrency: 1 })
    worker.handle(task, (input) => input)
    await worker.start()
    expect(await caller.perform(task, 'before')).toBe('before')
    proxy.cut()
    const run = caller.perform(task, 'accepted')
    await expect.poll(() => server.cli('dbsize')).not.toBe('0')
    await run.accepted
    await server.cli('flushall')
    // After its reconnection the caller asks what became of its tasks, and sends them again.
    await server.cli('client', 'kill', 'type', 'normal')
    await expect.poll(() => server.cli('dbsize'), { timeout: 10_000 }).not.toBe('0')
    proxy.heal()
    expect(await run).toBe('accepted')
    await caller.close()
    await workers.close()
    await proxy.close()
    await server.close()
  },
)
