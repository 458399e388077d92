import { AetherError } from '@aether/core'
import { until } from '@aether/testing'
import { describe, expect, it } from 'vitest'

import type { AetherTask } from '../src/aether-task.ts'
import { program, type Program } from './support/program.ts'
import { coded } from './support/coded.ts'

const names = { job: 'my_service', task: 'process_data', context: 'production' } as const

/** What a client is told, in order. */
function listener(told: unknown[]): Partial<ConstructorParameters<Program['AetherTask']>[0]> {
  return {
    on_status: (_task: unknown, complete: boolean, succeed: boolean, progress: number, data: unknown) => {
      told.push(['status', complete, succeed, progress, data])
    },
    on_complete: (_task: unknown, succeed: boolean, data: unknown) => told.push(['complete', succeed, data]),
    on_cancel: (_task: unknown, reason: string) => told.push(['cancel', reason]),
  }
}

/** Performs one task against a worker, and waits for its end. */
async function through(
  on_perform: (task: AetherTask, data: unknown) => unknown,
  data?: unknown,
): Promise<{ readonly told: unknown[]; readonly log: string[] }> {
  const { AetherMagic, AetherTask, log } = program()
  new AetherMagic({ union: 'production' })
  await new AetherTask({ ...names, on_perform }).idle()
  const told: unknown[] = []
  await new AetherTask({ ...names, ...listener(told) }).perform(data)
  await until(() => told.some((each) => Array.isArray(each) && each[0] === 'complete'), { what: 'the end' })
  return { told, log }
}

describe('AetherTask', () => {
  it('goes as in Python: taken, progress, result', async () => {
    const { told } = await through(
      async (ae_task, data) => {
        await ae_task.status(50, { step: 1 })
        await ae_task.complete(true, { result: data })
      },
      { file: 'data.csv' },
    )
    expect(told).toEqual([
      ['status', false, false, 0, {}],
      ['status', false, false, 50, { step: 1 }],
      ['status', true, true, 100, { result: { file: 'data.csv' } }],
      ['complete', true, { result: { file: 'data.csv' } }],
    ])
  })

  it('sends and returns an empty object where Python does', async () => {
    let got: unknown
    const { told } = await through(async (ae_task, data) => {
      got = data
      await ae_task.complete(true)
    })
    expect(got).toEqual({})
    expect(told.at(-1)).toEqual(['complete', true, {}])
  })

  it('fails with what the worker said', async () => {
    const { told } = await through((ae_task) => ae_task.complete(false, { why: 'no paper' }))
    expect(told.slice(-2)).toEqual([
      ['status', true, false, 100, { why: 'no paper' }],
      ['complete', false, { why: 'no paper' }],
    ])
  })

  it('completes with what the callback returned, where it did not say so itself', async () => {
    expect((await through((_task, data) => [data], 1)).told.at(-1)).toEqual(['complete', true, [1]])
    expect((await through(() => undefined)).told.at(-1)).toEqual(['complete', true, {}])
  })

  it('fails at once when the callback throws: Python does nothing twice', async () => {
    let calls = 0
    const { told, log } = await through(() => {
      calls += 1
      throw new Error('disk full')
    })
    expect(told.at(-1)).toEqual(['complete', false, 'disk full'])
    expect(calls).toBe(1)
    expect(log).toContain('error on_perform threw')
  })

  it('tries again what says that it is worth it', async () => {
    let calls = 0
    const { told } = await through((ae_task) => {
      calls += 1
      if (calls === 1) throw new AetherError('ERR_AETHER_TASK_FAILED', 'busy', { retryable: true })
      return ae_task.complete(true, calls)
    })
    expect(told.at(-1)).toEqual(['complete', true, 2])
  })

  it('clamps progress as Python does, and refuses what is no number', async () => {
    const { told } = await through(async (ae_task) => {
      await ae_task.status(-5)
      await ae_task.status(500)
      const refused: unknown = await ae_task.status('50' as never).catch((error: unknown) => error)
      await ae_task.complete(true, { code: (refused as AetherError).code })
    })
    expect(told.at(-1)).toEqual(['complete', true, { code: 'ERR_AETHER_OPTIONS_INVALID' }])
    expect(told.slice(0, 3)).toEqual([
      ['status', false, false, 0, {}],
      ['status', false, false, 0, {}],
      ['status', false, false, 100, {}],
    ])
  })

  it('knows its tid everywhere', async () => {
    const { AetherMagic, AetherTask } = program()
    new AetherMagic()
    const seen: string[] = []
    await new AetherTask({
      ...names,
      on_perform: async (ae_task) => {
        seen.push(ae_task.tid, await ae_task.status(1), await ae_task.complete(true))
      },
    }).idle()
    const client = new AetherTask({ ...names, on_complete: (task) => seen.push(task.tid) })
    expect(client).toMatchObject({ ...names, tid: '', run: undefined })
    const tid = await client.perform()
    expect(client.tid).toBe(tid)
    expect(await client.run).toEqual({})
    await until(() => seen.length === 4, { what: 'told' })
    expect(seen).toEqual([tid, tid, tid, tid])
    expect(await client.perform()).not.toBe(tid)
  })

  it('tells each end under its own tid, however many are under way', async () => {
    const { AetherMagic, AetherTask } = program()
    new AetherMagic({ concurrency: 10 })
    await new AetherTask({ ...names, on_perform: (task, data) => task.complete(true, data) }).idle()
    const results = new Map<string, unknown>()
    const client = new AetherTask({
      ...names,
      on_complete: (task, _succeed, data) => results.set(task.tid, data),
    })
    const sent = await Promise.all(
      Array.from({ length: 20 }, async (_, n) => [await client.perform(n), n] as const),
    )
    await until(() => results.size === 20, { what: 'all ended' })
    expect(results).toEqual(new Map(sent))
  })

  it('is cancelled on both sides', async () => {
    const { AetherMagic, AetherTask } = program()
    new AetherMagic()
    const told: unknown[] = []
    let stop: () => void = () => {}
    let late: unknown
    await new AetherTask({
      ...names,
      on_perform: async (ae_task) => {
        await new Promise<void>((resolve) => (stop = resolve))
        late = await ae_task.complete(true).catch((error: unknown) => error)
      },
      on_cancel: (task, reason) => {
        told.push(['worker', task.tid, reason])
        stop()
      },
    }).idle()
    const client = new AetherTask({ ...names, ...listener(told) })
    await expect(client.cancel()).rejects.toEqual(coded('ERR_AETHER_TASK_UNKNOWN'))
    const tid = await client.perform()
    await until(() => told.length === 1, { what: 'taken' })
    await client.cancel('no longer needed')
    await until(() => told.length === 4, { what: 'told' })
    expect(told).toContainEqual(['worker', tid, expect.stringContaining('no longer needed')])
    expect(told).toContainEqual(['cancel', expect.stringContaining('no longer needed')])
    expect(told).not.toContainEqual(expect.arrayContaining(['complete']))
    await until(() => late !== undefined, { what: 'refused' })
    expect(late).toEqual(coded('ERR_AETHER_TASK_CANCELLED'))
  })

  it('ends after its timeout, which counts in seconds', async () => {
    const { AetherMagic, AetherTask } = program()
    new AetherMagic()
    await new AetherTask({ ...names, on_perform: () => new Promise(() => {}) }).idle()
    const told: unknown[] = []
    await new AetherTask({ ...names, timeout: 0.2, ...listener(told) }).perform()
    await until(() => told.length === 3, { what: 'the end' })
    expect(told.at(-1)).toEqual(['complete', false, expect.stringContaining('deadline')])
  })

  it('works on one task at a time, over all that its AetherMagic is registered for, unless told otherwise', async () => {
    const { AetherMagic, AetherTask } = program()
    new AetherMagic({ channel: 'one' })
    new AetherMagic({ channel: 'two', union: 'other', concurrency: 2 })
    for (const [channel, expected] of [
      ['one', 1],
      ['two', 2],
    ] as const) {
      const now = new Set<string>()
      let most = 0
      let ended = 0
      const on_perform = async (task: AetherTask): Promise<void> => {
        now.add(task.tid)
        most = Math.max(most, now.size)
        await until(() => most >= expected, { what: 'as many at a time as may be' })
        // One more would come now.
        await new Promise((resolve) => setTimeout(resolve, 20))
        now.delete(task.tid)
      }
      const kinds = [
        { ...names, channel },
        { ...names, task: 'other', channel },
      ]
      for (const kind of kinds) await new AetherTask({ ...kind, on_perform }).idle()
      const clients = kinds.map((kind) => new AetherTask({ ...kind, on_complete: () => (ended += 1) }))
      await Promise.all(clients.flatMap((client) => [client.perform(), client.perform(), client.perform()]))
      await until(() => ended === 6, { what: 'all ended' })
      expect([channel, most]).toEqual([channel, expected])
    }
  })

  it('leaves as a worker', async () => {
    const { AetherMagic, AetherTask } = program()
    new AetherMagic()
    const worker = new AetherTask({ ...names, on_perform: () => 1 })
    await worker.idle()
    await worker.idle()
    await new AetherTask(names).perform()
    await worker.dismiss()
    await expect(new AetherTask({ ...names, context: 'else' }).perform()).rejects.toEqual(
      coded('ERR_AETHER_WORKERS_NONE'),
    )
    await worker.idle()
    await new AetherTask(names).perform()
  })

  it('shares work within a workgroup, and asks the one it names', async () => {
    const { AetherMagic, AetherTask } = program()
    new AetherMagic()
    const told: unknown[] = []
    const worker = (workgroup: string) => new AetherTask({ ...names, workgroup, on_perform: () => workgroup })
    await worker('ai').idle()
    await worker('audit').idle()
    await new AetherTask({ ...names, workgroup: 'ai', ...listener(told) }).perform()
    await until(() => told.length === 3, { what: 'the end' })
    expect(told.at(-1)).toEqual(['complete', true, 'ai'])
  })
})

describe('what an AetherTask refuses', () => {
  it('idle without on_perform', async () => {
    const { AetherMagic, AetherTask } = program()
    new AetherMagic()
    await expect(new AetherTask(names).idle()).rejects.toEqual(coded('ERR_AETHER_HANDLER_MISSING'))
  })

  it('perform where nobody works, which Python loses without a word; no callback is called', async () => {
    const { AetherMagic, AetherTask } = program()
    new AetherMagic()
    const told: unknown[] = []
    const client = new AetherTask({ ...names, ...listener(told) })
    await expect(client.perform()).rejects.toEqual(coded('ERR_AETHER_WORKERS_NONE'))
    expect(told).toEqual([])
  })

  it('data that is no JSON, where it is said', async () => {
    const circle: { self?: unknown } = {}
    circle.self = circle
    const { told } = await through(async (ae_task) => {
      for (const data of [5n, circle, () => 1, Symbol('s')]) {
        await expect(ae_task.status(1, data)).rejects.toEqual(coded('ERR_AETHER_PAYLOAD_UNENCODABLE'))
        await expect(ae_task.complete(true, data)).rejects.toEqual(coded('ERR_AETHER_PAYLOAD_UNENCODABLE'))
        await expect(ae_task.complete(false, data)).rejects.toEqual(coded('ERR_AETHER_PAYLOAD_UNENCODABLE'))
      }
      await ae_task.complete(true, 'after all')
    })
    expect(told.at(-1)).toEqual(['complete', true, 'after all'])
    const { AetherMagic, AetherTask } = program()
    new AetherMagic()
    await expect(new AetherTask(names).perform(5n)).rejects.toEqual(coded('ERR_AETHER_PAYLOAD_UNENCODABLE'))
  })

  it('status and complete after the end', async () => {
    const refused: unknown[] = []
    await through(async (ae_task) => {
      await ae_task.complete(true)
      for (const late of [ae_task.status(99), ae_task.complete(true), ae_task.complete(false)])
        refused.push(await late.catch((error: unknown) => error))
    })
    await until(() => refused.length === 3, { what: 'all refused' })
    const over = coded('ERR_AETHER_LEASE_LOST', /complete\(\) was called before/)
    expect(refused).toEqual([over, over, over])
    let held: AetherTask | undefined
    await through((ae_task) => {
      held = ae_task
    })
    await expect(held?.complete(true)).rejects.toEqual(
      coded('ERR_AETHER_LEASE_LOST', /had returned; keep it running until complete/),
    )
  })

  it("status and complete of what is in nobody's hands", async () => {
    const { AetherMagic, AetherTask } = program()
    new AetherMagic()
    const task = new AetherTask(names)
    await expect(task.status(50)).rejects.toEqual(coded('ERR_AETHER_TASK_UNKNOWN', /on_perform is handed/))
    await expect(task.complete(true)).rejects.toEqual(coded('ERR_AETHER_TASK_UNKNOWN'))
  })

  it('complete without saying how', async () => {
    const { told } = await through(async (ae_task) => {
      const refused: unknown = await ae_task.complete('yes' as never).catch((error: unknown) => error)
      await ae_task.complete(true, { code: (refused as AetherError).code })
    })
    expect(told.at(-1)).toEqual(['complete', true, { code: 'ERR_AETHER_OPTIONS_INVALID' }])
  })

  it.each([
    ['a job that is no name', { ...names, job: 'a/b' }, 'ERR_AETHER_NAME_INVALID'],
    ['a wildcard', { ...names, task: '+' }, 'ERR_AETHER_NAME_INVALID'],
    ['no task', { job: 'a' }, 'ERR_AETHER_NAME_INVALID'],
    ['a context with a space', { ...names, context: 'a b' }, 'ERR_AETHER_NAME_INVALID'],
    ['a workgroup that is none', { ...names, workgroup: '' }, 'ERR_AETHER_NAME_INVALID'],
    ['no function as callback', { ...names, on_perform: 'x' }, 'ERR_AETHER_OPTIONS_INVALID'],
    ['a misspelt callback', { ...names, on_done: () => 1 }, 'ERR_AETHER_OPTIONS_INVALID'],
    ['a timeout of 0', { ...names, timeout: 0 }, 'ERR_AETHER_OPTIONS_INVALID'],
    ['no attempts', { ...names, attempts: 0 }, 'ERR_AETHER_OPTIONS_INVALID'],
  ])('%s', (_, options, code) => {
    const { AetherMagic, AetherTask } = program()
    new AetherMagic()
    expect(() => new AetherTask(options as never)).toThrow(coded(code))
  })
})

describe('a callback that fails', () => {
  it('is logged, and disturbs nothing', async () => {
    const { AetherMagic, AetherTask, log } = program()
    new AetherMagic()
    await new AetherTask({ ...names, on_perform: (task) => task.complete(true) }).idle()
    let ended = false
    await new AetherTask({
      ...names,
      on_status: () => {
        throw new Error('mine')
      },
      on_complete: async () => {
        await Promise.resolve()
        ended = true
        throw new Error('mine, later')
      },
    }).perform()
    await until(() => ended && log.includes('error on_complete threw'), { what: 'told' })
    expect(log).toContain('error on_status threw')
  })

  it('after complete is logged, and changes nothing', async () => {
    const { told, log } = await through(async (ae_task) => {
      await ae_task.complete(true, 'done')
      throw new Error('too late')
    })
    await until(() => log.includes('error on_perform threw after complete()'), { what: 'logged' })
    expect(told.at(-1)).toEqual(['complete', true, 'done'])
  })
})
