import { AetherError, silentLogger } from '@aether/core'
import { createManualClock } from '@aether/testing'
import { expect, it } from 'vitest'
import type { RedisLink, Reply } from '../../src/link/redis-link.ts'
import { Lane, type LaneOwner } from '../../src/queue/lane.ts'
import type { QueueHost } from '../../src/queue/queue-host.ts'
import { queueScripts } from '../../src/queue/queue-scripts.ts'
import type { QueueSettings } from '../../src/queue/queue-settings.ts'
import { Turns } from '../../src/queue/turns.ts'

const settings = { prefix: '', maxQueued: 1, maxDeadLetters: 1, resultTtlMs: 1, groupTtlMs: 1 }
const scripts = queueScripts('none', '')

/** A lane whose scripts `run` answers, and how often it asked to be forgotten. */
function lane(run: () => Promise<Reply>) {
  const clock = createManualClock()
  const idle: Lane[] = []
  const host = {
    link: { isCluster: false, run } as unknown as RedisLink,
    settings: settings as QueueSettings,
    ...{ clock, scripts, random: () => 1, turns: new Turns(), logger: silentLogger },
  } as unknown as QueueHost
  const onIdle = (one: Lane): void => {
    idle.push(one)
    one.close(new Error('closed'))
  }
  const owner = { onIdle } as unknown as LaneOwner
  return { clock, idle, lane: new Lane('u/j/t', host, owner) }
}

it('is forgotten where nothing came of it, as of a cancel of what is unknown', async () => {
  const one = lane(async () => 0)
  await one.lane.run(scripts.cancel, Buffer.of())
  expect(one.idle).toEqual([])
  await one.clock.advanceAsync(1_000)
  expect(one.idle).toEqual([one.lane])
  expect(one.clock.pending).toBe(0)
})

it('is forgotten where a tick that it begins with fails', async () => {
  const one = lane(() => Promise.reject(new AetherError('ERR_AETHER_CONNECT_TIMEOUT', 'no connection')))
  await expect(one.lane.tick()).rejects.toThrow('no connection')
  await one.clock.advanceAsync(1_000)
  expect(one.idle).toEqual([one.lane])
})

it('sleeps until something is due where nobody uses it', async () => {
  let ticks = 0
  const one = lane(async () => {
    ticks += 1
    return [-1, -1]
  })
  one.lane.note(3_600_000)
  await one.clock.advanceAsync(3_599_000)
  expect([ticks, one.idle.length]).toEqual([1, 0])
  await one.clock.advanceAsync(3_000)
  expect(ticks).toBe(2)
  expect(one.idle).toEqual([one.lane])
})
