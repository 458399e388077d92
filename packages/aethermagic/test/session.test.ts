import type { AetherError, Transport } from '@aether/core'
import { createMemoryHub } from '@aether/transport-memory'
import { until } from '@aether/testing'
import { afterEach, describe, expect, it } from 'vitest'

import { AetherMagic, type AetherMagicOptions } from '../src/aether-magic.ts'
import { AetherTask } from '../src/aether-task.ts'
import { flaky, refusal, type Flaky } from './support/flaky.ts'
import { recorder } from './support/program.ts'
import { coded } from './support/coded.ts'

const names = { job: 'my_service', task: 'process_data' } as const
const unreachable = refusal('ERR_AETHER_CONNECT_TIMEOUT', true)
const refused = refusal('ERR_AETHER_TOKEN_REFUSED', false)

const closers: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
})

interface Setting {
  readonly aether: AetherMagic
  readonly made: Flaky[]
  readonly log: string[]
  /** Another client of the same engine. */
  readonly other: AetherMagic
}

/** An AetherMagic whose first transports do not start, with these errors. */
function setUp(failures: readonly AetherError[], options: Partial<AetherMagicOptions> = {}): Setting {
  const hub = createMemoryHub()
  const [made, log]: [Flaky[], string[]] = [[], []]
  const next = (): Transport => {
    const one = flaky(hub.transport(), failures[made.length])
    made.push(one)
    return one.transport
  }
  const aether = new AetherMagic({ logger: recorder(log), ...options, transport: next })
  const other = new AetherMagic({ transport: () => hub.transport() })
  closers.push(async () => {
    const signal = AbortSignal.abort()
    await Promise.all([aether.close({ signal }), other.close({ signal })])
    await hub.close()
  })
  return { aether, made, log, other }
}

describe('connect', () => {
  it('resolves with true, once for all who ask', async () => {
    const { aether, made } = setUp([])
    expect(aether.connected).toBe(false)
    expect(await Promise.all([aether.connect(), aether.connect()])).toEqual([true, true])
    expect(made).toHaveLength(1)
    await aether.close()
    expect(aether.connected).toBe(false)
  })

  it('rejects with what went wrong, and may be tried again on a new transport', async () => {
    const { aether, made } = setUp([unreachable, refused])
    await expect(aether.connect()).rejects.toBe(unreachable)
    await expect(aether.connect()).rejects.toBe(refused)
    await expect(aether.connect()).resolves.toBe(true)
    expect(made).toHaveLength(3)
  })

  it('waits no longer than its signal', async () => {
    const { aether } = setUp([])
    const reason = new Error('enough')
    await expect(aether.connect({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    const stop = new AbortController()
    const connecting = aether.connect({ signal: stop.signal })
    stop.abort(reason)
    await expect(connecting).rejects.toBe(reason)
    await expect(aether.connect()).resolves.toBe(true)
  })

  it('is refused after close', async () => {
    const { aether } = setUp([])
    await aether.close()
    const closed = coded('ERR_AETHER_CLIENT_CLOSED')
    await expect(aether.connect()).rejects.toEqual(closed)
    await expect(new AetherTask({ ...names, aether }).perform()).rejects.toEqual(closed)
    await expect(new AetherTask({ ...names, aether, on_perform: () => 1 }).idle()).rejects.toEqual(closed)
    await expect(aether.listen('a', 'b', 'c', 'status', 'workers', () => 1)).rejects.toEqual(closed)
    await aether.main()
  })
})

describe('close', () => {
  it('waits for the end of a connection that has failed, too', async () => {
    const hub = createMemoryHub()
    let end: () => void = () => {}
    const ended = new Promise<void>((resolve) => (end = resolve))
    let [isClosing, isOver] = [false, false]
    const aether = new AetherMagic({
      transport: () => {
        const { transport } = flaky(hub.transport(), refused)
        return new Proxy(transport, {
          get(target, key) {
            const value: unknown = Reflect.get(target, key, target)
            if (key !== 'close' || typeof value !== 'function') return value
            return async (...args: unknown[]) => {
              isClosing = true
              await ended
              await value(...args)
            }
          },
        })
      },
    })
    closers.push(() => hub.close())
    const connecting = aether.connect().catch((error: unknown) => error)
    await until(() => isClosing, { what: 'closing' })
    const closing = aether.close().then(() => (isOver = true))
    await new Promise((resolve) => setImmediate(resolve))
    expect(isOver).toBe(false)
    end()
    await closing
    await connecting
  })
})

describe('idle', () => {
  it('registers though the engine cannot be reached, and begins once there is a connection', async () => {
    const { aether, log, other } = setUp([unreachable])
    const done: unknown[] = []
    await new AetherTask({ ...names, aether, on_perform: (_task, data) => done.push(data) }).idle()
    expect(log.join()).toContain('warn working on my_service/process_data waits for a connection')
    await aether.connect()
    await new AetherTask({ ...names, aether: other }).perform('now')
    await until(() => done.length === 1, { what: 'done' })
  })

  it('is at work before anybody uses its connection', async () => {
    const hub = createMemoryHub()
    let open: () => void = () => {}
    const opened = new Promise<void>((resolve) => (open = resolve))
    let [made, asked] = [0, 0]
    const slow = (): Transport => {
      made += 1
      const real = flaky(hub.transport(), made === 1 ? unreachable : undefined).transport
      return new Proxy(real, {
        get(target, key) {
          const value: unknown = Reflect.get(target, key, target)
          if (key !== 'consume' || typeof value !== 'function') return value
          return (...args: unknown[]) => {
            asked += 1
            return opened.then(() => value(...args) as unknown)
          }
        },
      })
    }
    const aether = new AetherMagic({ transport: slow })
    closers.push(
      () => aether.close({ signal: AbortSignal.abort() }),
      () => hub.close(),
    )
    const done: unknown[] = []
    await new AetherTask({ ...names, aether, on_perform: (_task, data) => done.push(data) }).idle()
    const connecting = aether.connect()
    const performing = new AetherTask({ ...names, aether }).perform('now')
    await until(() => asked === 1, { what: 'asked for tasks' })
    expect(aether.connected).toBe(false)
    open()
    await connecting
    await performing
    await until(() => done.length === 1, { what: 'done' })
  })

  it('rejects with what is refused, and is forgotten then', async () => {
    const { aether, other } = setUp([refused])
    const task = new AetherTask({ ...names, aether, on_perform: () => 1 })
    await expect(task.idle()).rejects.toBe(refused)
    await aether.connect()
    const client = new AetherTask({ ...names, aether: other })
    await expect(client.perform()).rejects.toEqual(coded('ERR_AETHER_WORKERS_NONE'))
    await task.idle()
    await client.perform()
  })

  it('is refused where the transport has no workgroups for what it asks', async () => {
    const hub = createMemoryHub()
    const poor = (): Transport => {
      const real = hub.transport()
      const capabilities = { ...real.capabilities, groups: false }
      return new Proxy(real, {
        get(target, key) {
          if (key === 'capabilities') return capabilities
          const value: unknown = Reflect.get(target, key, target)
          return typeof value === 'function' ? (value.bind(target) as unknown) : value
        },
      })
    }
    const aether = new AetherMagic({ transport: poor })
    closers.push(
      () => aether.close({ signal: AbortSignal.abort() }),
      () => hub.close(),
    )
    const added = aether.add_task({ ...names, context: 'x', callback: () => 1 })
    await expect(added).rejects.toEqual(coded('ERR_AETHER_CAPABILITY_UNSUPPORTED', /groups/))
    const performed = aether.perform_task({ ...names, context: 'x' })
    await expect(performed).rejects.toEqual(coded('ERR_AETHER_CAPABILITY_UNSUPPORTED', /groups/))
    await aether.add_task({ ...names, context: 'x', callback: () => 1, shared: true })
    await aether.perform_task({ ...names, context: 'x', shared: true })
  })
})

describe('main', () => {
  it('tries again until the engine can be reached, and works until its signal aborts', async () => {
    const { aether, log, other, made } = setUp([unreachable, unreachable])
    const done: unknown[] = []
    await new AetherTask({ ...names, aether, on_perform: (_task, data) => done.push(data) }).idle()
    const stop = new AbortController()
    let isOver = false
    const main = aether.main({ signal: stop.signal }).then(() => (isOver = true))
    await until(() => aether.connected, { what: 'connected' })
    expect(made).toHaveLength(3)
    expect(log.filter((line) => line === 'warn no connection: trying on')).toHaveLength(1)
    await other.connect()
    await new AetherTask({ ...names, aether: other }).perform('now')
    await until(() => done.length === 1, { what: 'done' })
    expect(isOver).toBe(false)
    stop.abort()
    await main
    expect(aether.connected).toBe(false)
  })

  it('lets what is in hand finish, and what it performed come back', async () => {
    const { aether, other } = setUp([])
    let finish: (() => void) | undefined
    const ends: unknown[] = []
    const on_perform = async (): Promise<string> => {
      await new Promise<void>((resolve) => (finish = resolve))
      return 'done'
    }
    await new AetherTask({ ...names, aether, on_perform }).idle()
    await new AetherTask({ job: 'a', task: 'b', aether: other, on_perform: () => 'answer' }).idle()
    const stop = new AbortController()
    const main = aether.main({ signal: stop.signal })
    await new AetherTask({
      ...names,
      aether: other,
      on_complete: (_task, succeed, data) => ends.push([succeed, data]),
    }).perform()
    await until(() => finish !== undefined, { what: 'taken' })
    await new AetherTask({
      job: 'a',
      task: 'b',
      aether,
      on_complete: (_t, _s, data) => ends.push(data),
    }).perform()
    stop.abort()
    finish?.()
    await main
    await until(() => ends.length === 2, { what: 'told' })
    expect(ends).toContainEqual([true, 'done'])
    expect(ends).toContainEqual('answer')
  })

  it('ends with close, also while it waits to try again', async () => {
    const { aether, log } = setUp(Array.from({ length: 100 }, () => unreachable))
    const mains = [aether.main(), aether.main()]
    await until(() => log.includes('warn no connection: trying on'), { what: 'waiting' })
    await aether.close()
    await Promise.all(mains)
  })

  it('resolves at once where its signal is aborted already', async () => {
    const { aether } = setUp([])
    await aether.main({ signal: AbortSignal.abort() })
    await expect(aether.connect()).rejects.toEqual(coded('ERR_AETHER_CLIENT_CLOSED'))
  })

  it('rejects with what the engine refuses: trying again would not help', async () => {
    const { aether } = setUp([refused])
    await expect(aether.main()).rejects.toBe(refused)
    await expect(aether.connect()).resolves.toBe(true)
  })

  it('goes on with a new transport where one gave up, with everything registered', async () => {
    const { aether, made, other } = setUp([])
    const done: unknown[] = []
    await new AetherTask({ ...names, aether, on_perform: (_task, data) => done.push(data) }).idle()
    const main = aether.main()
    await until(() => aether.connected, { what: 'connected' })
    made[0]?.fail(refusal('ERR_AETHER_CONNECT_FAILED', true))
    await until(() => made.length === 2 && aether.connected, { what: 'connected anew' })
    await new AetherTask({ ...names, aether: other }).perform('after')
    await until(() => done.length === 1, { what: 'done' })
    made[1]?.fail(refused)
    await expect(main).rejects.toBe(refused)
  })

  it('leaves no timer and no handle behind', async () => {
    const before = process.getActiveResourcesInfo().length
    const { aether } = setUp([unreachable])
    const main = aether.main()
    await until(() => aether.connected, { what: 'connected' })
    await aether.close()
    await main
    await until(() => process.getActiveResourcesInfo().length <= before, { what: 'nothing left' })
  })
})
