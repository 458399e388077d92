import { describe, expect, it } from 'vitest'

import { createAether } from '../../src/app/create-aether.ts'
import { defineTask } from '../../src/define/define-task.ts'
import type { PresenceChange } from '../../src/presence/presence.ts'
import { settleDown } from '../support/hand-clock.ts'
import { echo, gate, setUp, work } from '../support/settings.ts'

const other = defineTask({ job: 'test', task: 'other' })

describe('presence', () => {
  it('shows who is online, for which tasks, and how busy', async () => {
    const { aether, clock } = setUp()
    const presence = await aether.presence()
    const opened = gate()
    const worker = aether
      .worker({ name: 'w1', concurrency: 4, workgroup: 'group', presenceMs: 1_000 })
      .handle(echo, () => opened.promise, { concurrency: 2 })
      .handle(other, () => 1, { context: 'prod' })
    await worker.start()
    await clock.advance(10)
    expect(presence.workers()).toEqual([
      {
        name: 'w1',
        client: 'app',
        host: 'localhost',
        channel: 'default',
        workgroup: 'group',
        active: 0,
        concurrency: 4,
        tasks: [
          { job: 'test', task: 'echo', context: '+', active: 0, concurrency: 2 },
          { job: 'test', task: 'other', context: 'prod', active: 0, concurrency: 4 },
        ],
        lastSeen: 1_700_000_000_000,
      },
    ])
    const run = aether.perform(echo, 1, { workgroup: 'group' })
    await run.accepted
    await clock.advance(100)
    expect(presence.workers()).toMatchObject([{ active: 1, tasks: [{ active: 1 }, { active: 0 }] }])
    opened.open()
    await run
    await clock.advance(100)
    expect(presence.workers()).toMatchObject([{ active: 0 }])
    await worker.close()
    await settleDown()
    expect(presence.workers()).toEqual([])
  })

  it('speaks on a change at most ten times a period, and otherwise once: idle first, dismiss last', async () => {
    const { aether, clock, transport } = setUp()
    const worker = await work(aether, echo, (input) => input, { presenceMs: 1_000, concurrency: 1 })
    await clock.advance(3_050)
    expect(transport.published.map((event) => event.action)).toEqual(['idle', 'online', 'online', 'online'])
    for (let at = 0; at < 50; at += 1) await aether.perform(echo)
    await clock.advance(100)
    expect(transport.published).toHaveLength(4)
    await worker.close()
    expect(transport.published.at(-1)).toMatchObject({ action: 'dismiss', tid: worker.name })
  })

  it('says idle when there is room again', async () => {
    const { aether, clock, transport } = setUp()
    const opened = gate()
    await work(aether, echo, () => opened.promise, { presenceMs: 1_000, concurrency: 1 })
    const run = aether.perform(echo)
    await run.accepted
    await clock.advance(150)
    opened.open()
    await run
    await clock.advance(150)
    expect(transport.published.map((event) => event.action)).toEqual(['idle', 'online', 'idle'])
  })

  it('tells changes: online, offline, and lost when a worker falls silent', async () => {
    const { aether, hub, clock } = setUp()
    const presence = await aether.presence()
    const changes: string[] = []
    const following = (async () => {
      for await (const { kind, worker } of presence.changes()) changes.push(`${kind} ${worker.name}`)
    })()
    const polite = await work(aether, echo, () => 1, { name: 'polite', presenceMs: 1_000 })
    const elsewhere = createAether({ union: 'u', transport: hub.transport(), clock })
    const doomed = hub.transport()
    const killed = createAether({ union: 'u', transport: doomed, clock })
    await work(elsewhere, echo, () => 1, { name: 'steady', presenceMs: 1_000 })
    await work(killed, echo, () => 1, { name: 'killed', presenceMs: 1_000 })
    await clock.advance(100)
    doomed.publish = () => new Promise(() => {})
    await polite.close()
    await clock.advance(5_000)
    expect(presence.workers().map(({ name }) => name)).toEqual(['steady'])
    await presence.close()
    await following
    expect(changes).toEqual([
      'online polite',
      'online steady',
      'online killed',
      'offline polite',
      'lost killed',
    ])
    const none: PresenceChange[] = []
    for await (const change of presence.changes()) none.push(change)
    expect(none).toEqual([])
  })

  it('remembers no more workers than it may, and passes over what is foreign', async () => {
    const { aether, transport, clock } = setUp()
    const presence = await aether.presence({ maxWorkers: 1 })
    await work(aether, echo, () => 1, { name: 'one', presenceMs: 1_000 })
    await work(aether, echo, () => 1, { name: 'two', presenceMs: 1_000 })
    const foreign = { union: 'u', job: 'j', task: 't', context: 'x' }
    for (const body of ['{', '5', '{"workgroup":5}']) {
      await transport.publish({
        action: 'online',
        route: foreign,
        tid: 'foreign',
        client: 'c',
        host: 'h',
        codec: 'json',
        body: new TextEncoder().encode(body),
      })
    }
    await clock.advance(100)
    expect(presence.workers().map(({ name }) => name)).toEqual(['one'])
  })

  it('can be followed until a signal is aborted', async () => {
    const { aether } = setUp()
    const presence = await aether.presence()
    const controller = new AbortController()
    const following = (async () => {
      for await (const _ of presence.changes({ signal: controller.signal }));
      return 'ended'
    })()
    controller.abort()
    expect(await following).toBe('ended')
  })

  it('leaves nothing behind', async () => {
    const { aether, hub, clock } = setUp()
    const presence = await aether.presence()
    await Promise.all([presence.close(), presence[Symbol.asyncDispose]()])
    expect(hub.listeners.size).toBe(0)
    expect(clock.pending).toBe(0)
  })

  it('leaves nothing behind where its application closes while it is opened', async () => {
    const { aether, hub, clock, transport } = setUp()
    const held = gate()
    const listen = transport.listen.bind(transport)
    let calls = 0
    transport.listen = async (...args) => {
      calls += 1
      if (calls === 2) await held.promise
      return listen(...args)
    }
    // Keeps the transport open while the application closes.
    const run = aether.perform(echo, 1, { waitForWorkers: true })
    await run.accepted
    const opening = aether.presence()
    await settleDown()
    const closing = aether.close()
    await settleDown()
    held.open()
    await expect(opening).rejects.toMatchObject({ code: 'ERR_AETHER_CLIENT_CLOSED' })
    await run.cancel()
    await closing
    expect(hub.listeners.size).toBe(0)
    await clock.advance(60_000)
    expect(clock.pending).toBe(0)
  })

  it.each([[{ maxWorkers: 0 }], [{ workers: 5 }]])('refuses wrong options %o', async (options) => {
    const { aether } = setUp()
    await expect(aether.presence(options as never)).rejects.toMatchObject({
      code: 'ERR_AETHER_OPTIONS_INVALID',
    })
  })
})
