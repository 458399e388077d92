import { type RedisServer, startRedis } from '@aether/services'
import { until } from '@aether/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  expectAllDone,
  type FailureStage,
  type Instance,
  modes,
  openFailureStage,
  pause,
} from '../support/failure-stage.ts'

interface Connection {
  readonly id: string
  readonly listens: boolean
}

async function connections(server: RedisServer): Promise<readonly Connection[]> {
  const lines = (await server.cli('client', 'list')).split('\n')
  return lines
    .filter((line) => !line.includes('cmd=client'))
    .map((line) => ({
      id: /^id=(\d+)/.exec(line)?.[1] ?? '',
      listens: !/ sub=0 psub=0 /.test(line),
    }))
}

/** Statuses in the order in which they were seen. */
function statusesOf({ states }: Instance): readonly string[] {
  return states.map(({ status }) => status)
}

let server: RedisServer
beforeAll(async () => {
  server = await startRedis()
})
afterAll(() => server.close())

describe.each(modes)('mode %s', (mode) => {
  async function withStage(
    keepAliveMs: number,
    use: (stage: FailureStage, kinds: Record<'caller' | 'worker', readonly Connection[]>) => Promise<void>,
  ): Promise<void> {
    const prefix = `${mode}-${Math.random().toString(36).slice(2)}:`
    const before = new Set((await connections(server)).map(({ id }) => id))
    const stage = await openFailureStage({ redis: { mode, url: server.url, prefix, keepAliveMs } })
    try {
      // The caller connects first: its two connections have the lower ids.
      const mine = (await connections(server)).filter(({ id }) => !before.has(id))
      const sorted = mine.toSorted((a, b) => Number(a.id) - Number(b.id))
      expect(sorted.map(({ listens }) => listens).toSorted()).toEqual([false, false, true, true])
      await use(stage, { caller: sorted.slice(0, 2), worker: sorted.slice(2) })
    } finally {
      await stage.close()
    }
  }

  describe.each(['caller', 'worker'] as const)('CLIENT KILL at the %s', (side) => {
    test.each([
      ['the connection for commands', false],
      ['the connection that listens', true],
    ])(
      'of %s, in the midst of traffic: it says so, comes back, and everything ends once',
      async (_kind, listens) => {
        await withStage(1_000, async (stage, kinds) => {
          const runs = stage.performMany(120, 20)
          await until(() => stage.begun.size > 10)
          const victim = kinds[side].find((connection) => connection.listens === listens)
          expect(await server.cli('client', 'kill', 'id', victim?.id ?? '')).toBe('1')
          await expectAllDone(stage, runs)
          await until(() => statusesOf(stage[side]).at(-1) === 'ready' && stage[side].states.length > 2)
          const lost = stage[side].states.find((state) => state.status === 'reconnecting')
          expect(lost).toMatchObject({ error: { code: 'ERR_AETHER_TRANSPORT_LOST', retryable: true } })
          const other = side === 'caller' ? stage.worker : stage.caller
          expect(statusesOf(other)).not.toContain('reconnecting')
          // At least once means now and then twice; here nobody is killed, so hardly ever.
          if (mode === 'pubsub') expect([...stage.begun.values()].every((times) => times === 1)).toBe(true)
        })
      },
    )
  })

  test('CLIENT KILL of everyone, again and again: everything ends once', async () => {
    await withStage(1_000, async (stage) => {
      const runs = stage.performMany(200, 20)
      for (let round = 0; round < 4; round++) {
        await pause(100)
        await server.cli('client', 'kill', 'type', 'normal')
        await server.cli('client', 'kill', 'type', 'pubsub')
      }
      await expectAllDone(stage, runs)
      const after = stage.performMany(20)
      await expectAllDone(stage, after)
    })
  })

  test('DEBUG SLEEP shorter than the keepalive: it only takes longer', async () => {
    await withStage(5_000, async (stage) => {
      const runs = stage.performMany(60, 10)
      await until(() => stage.begun.size > 5)
      await server.cli('debug', 'sleep', '1.2')
      await expectAllDone(stage, [...runs, ...stage.performMany(20)])
      expect(statusesOf(stage.caller)).not.toContain('reconnecting')
      expect(statusesOf(stage.worker)).not.toContain('reconnecting')
    })
  })

  test('DEBUG SLEEP longer than the keepalive: the connection is given up, and taken up again', async () => {
    await withStage(300, async (stage) => {
      const runs = stage.performMany(60, 10)
      await until(() => stage.begun.size > 5)
      await server.cli('debug', 'sleep', '2')
      await expectAllDone(stage, [...runs, ...stage.performMany(20)])
      expect(statusesOf(stage.caller)).toContain('reconnecting')
      expect(stage.caller.transport.state.status).toBe('ready')
    })
  })
})
