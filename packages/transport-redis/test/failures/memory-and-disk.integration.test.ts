import type { AetherError, Settlement } from '@aether/core'
import { type RedisServer, type RedisServerOptions, startRedis } from '@aether/services'
import { until } from '@aether/testing'
import { execFile } from 'node:child_process'
import { symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import type { RedisMode } from '../../src/index.ts'
import { expectAllDone, type FailureStage, modes, openFailureStage } from '../support/failure-stage.ts'

const kept: readonly RedisMode[] = ['streams', 'lists']

async function withServer(
  options: RedisServerOptions,
  mode: RedisMode,
  use: (stage: FailureStage, server: RedisServer) => Promise<void>,
): Promise<void> {
  const server = await startRedis(options)
  try {
    const stage = await openFailureStage({ redis: { mode, url: server.url }, concurrency: 2 })
    try {
      await use(stage, server)
    } finally {
      await stage.close()
    }
  } finally {
    await server.close()
  }
}

/** Two that run and will not end by themselves, and some that wait behind them. */
async function fill(stage: FailureStage): Promise<ReturnType<FailureStage['performMany']>> {
  const held = [stage.perform({ n: -1, ms: 'held' }), stage.perform({ n: -2, ms: 'held' })]
  await until(() => stage.running.size === 2)
  const queued = stage.performMany(10)
  await Promise.all(queued.map((run) => run.accepted))
  return [...held, ...queued]
}

async function refusalOf(stage: FailureStage): Promise<AetherError> {
  const settlement: Settlement = await stage.perform({ n: 1_000, ms: 0 }).settle()
  if (settlement.status === 'succeeded') throw new Error('it was not refused')
  return settlement.error
}

describe.each(kept)('mode %s', (mode) => {
  test('no memory left (noeviction): sends are refused, what is held ends all the same', async () => {
    await withServer({ config: { 'maxmemory-policy': 'noeviction' } }, mode, async (stage, server) => {
      const runs = await fill(stage)
      await server.cli('config', 'set', 'maxmemory', '1')
      const refused = await refusalOf(stage)
      expect(refused).toMatchObject({ code: 'ERR_AETHER_QUEUE_FULL', retryable: true })
      expect(refused.message).toContain('memory')
      stage.release()
      // There still is no memory: nothing but ending frees some.
      await expectAllDone(stage, runs)
      expect(await refusalOf(stage)).toMatchObject({ code: 'ERR_AETHER_QUEUE_FULL' })
      expect(stage.caller.transport.state.status).toBe('ready')
      await server.cli('config', 'set', 'maxmemory', '0')
      await expectAllDone(stage, stage.performMany(10))
    })
  })

  test('no memory left: a worker that comes, and one that comes back, work on what is held', async () => {
    await withServer({ config: { 'maxmemory-policy': 'noeviction' } }, mode, async (stage, server) => {
      const runs = await fill(stage)
      await server.cli('config', 'set', 'maxmemory', '1')
      await server.cli('client', 'kill', 'type', 'normal')
      await server.cli('client', 'kill', 'type', 'pubsub')
      await until(() => stage.worker.states.some(({ status }) => status === 'reconnecting'))
      stage.release()
      await expectAllDone(stage, runs)
      await server.cli('config', 'set', 'maxmemory', '0')
    })
  })

  test('a disk that is full: sends are refused, and all that was accepted ends once there is room', async () => {
    await withServer(
      { config: { appendonly: 'yes', appendfsync: 'everysec' } },
      mode,
      async (stage, server) => {
        const runs = await fill(stage)
        // Redis writes on in a file of the next number, and this one has no room, as root or not.
        const files = join(server.folder, 'appendonlydir')
        await symlink('/dev/full', join(files, 'appendonly.aof.2.incr.aof'))
        await server.cli('bgrewriteaof')
        await until(async () => {
          await server.cli('publish', 'nobody', 'x')
          await server.cli('set', 'something', 'to write')
          return (await server.cli('info', 'persistence')).includes('aof_last_write_status:err')
        })
        const refused = await refusalOf(stage)
        expect(refused).toMatchObject({ code: 'ERR_AETHER_QUEUE_FULL', retryable: true })
        expect(refused.message).toContain('disk')
        stage.release()
        await until(() => stage.running.size === 0)
        // One that is under way already is no other one.
        await until(
          async () => {
            await server.cli('bgrewriteaof')
            return (await server.cli('info', 'persistence')).includes('aof_last_write_status:ok')
          },
          { timeoutMs: 30_000, intervalMs: 200 },
        )
        await expectAllDone(stage, runs)
        await expectAllDone(stage, stage.performMany(10))
      },
    )
  }, 60_000)

  test('a disk that is full under appendfsync always: Redis ends, and once it is back everything ends', async () => {
    await withServer({ persistence: 'aof' }, mode, async (stage, server) => {
      const runs = await fill(stage)
      const said: unknown[] = []
      // As a disk that takes no more: the next write fails, and Redis has promised what it cannot keep.
      await promisify(execFile)('prlimit', ['--pid', String(server.pid), '--fsize=1:1'])
      const lost = stage.performMany(5)
      await until(() => stage.caller.transport.state.status === 'reconnecting', { timeoutMs: 10_000 })
      said.push(stage.caller.transport.state)
      expect(said).toMatchObject([{ error: { code: expect.stringMatching(/LOST|CONNECT_FAILED/) } }])
      await server.kill()
      await server.restart()
      stage.release()
      await expectAllDone(stage, [...runs, ...lost])
    })
  }, 60_000)
})

describe('mode pubsub', () => {
  test('no memory left, and a disk that is full: it needs neither', async () => {
    await withServer({ config: { 'maxmemory-policy': 'noeviction' } }, 'pubsub', async (stage, server) => {
      const runs = await fill(stage)
      await server.cli('config', 'set', 'maxmemory', '1')
      stage.release()
      await expectAllDone(stage, [...runs, ...stage.performMany(10)])
    })
  })

  test('Redis ends and is back: what is in hand goes on, what waits is handed out, everything ends once', async () => {
    await withServer({}, 'pubsub', async (stage, server) => {
      const runs = await fill(stage)
      await server.kill()
      await until(() => stage.caller.transport.state.status === 'reconnecting')
      stage.release()
      await server.restart()
      await expectAllDone(stage, runs)
      expect([...stage.begun.values()].every((times) => times === 1)).toBe(true)
    })
  })
})

test('every mode is looked at here', () => {
  expect([...kept, 'pubsub']).toEqual(modes)
})
