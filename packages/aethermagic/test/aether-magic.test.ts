import { until } from '@aether/testing'
import { describe, expect, it } from 'vitest'

import type { AetherMessage } from '../src/message.ts'
import type { AetherTask } from '../src/aether-task.ts'
import { program } from './support/program.ts'
import { coded } from './support/coded.ts'

const names = { job: 'image-process', task: 'resize', context: 'batch1' } as const
const route = [names.job, names.task, names.context] as const

describe('listen for perform', () => {
  it('shares the tasks of a workgroup: each goes to one of them', async () => {
    const { AetherMagic, AetherTask } = program()
    const got: string[][] = [[], [], []]
    for (const list of got) {
      const worker = new AetherMagic({ union: 'production' })
      await worker.listen(...route, 'perform', 'workers', (ae_task) => list.push(ae_task.tid))
    }
    new AetherMagic({ union: 'production', channel: 'client' })
    const client = new AetherTask({ ...names, channel: 'client' })
    const sent = await Promise.all(Array.from({ length: 30 }, () => client.perform()))
    await until(() => got.flat().length === 30, { what: 'all worked on' })
    expect(got.flat().toSorted()).toEqual(sent.toSorted())
    expect(got.every((list) => list.length > 0)).toBe(true)
  })

  it('hands over the task as on_perform gets it', async () => {
    const { AetherMagic, AetherTask } = program()
    const aether = new AetherMagic()
    await aether.listen(...route, 'perform', 'workers', async (ae_task, data) => {
      await ae_task.complete(false, { got: data })
    })
    let end: unknown
    await new AetherTask({
      ...names,
      on_complete: (_task, succeed, data) => (end = [succeed, data]),
    }).perform({ a: 1 })
    await until(() => end !== undefined, { what: 'the end' })
    expect(end).toEqual([false, { got: { a: 1 } }])
  })

  it('ends when it is closed', async () => {
    const { AetherMagic, AetherTask } = program()
    const aether = new AetherMagic()
    const listener = await aether.listen(...route, 'perform', 'workers', () => 1)
    await listener.close()
    await listener.close()
    const other = new AetherTask({ ...names, context: 'never-worked-on' })
    await expect(other.perform()).rejects.toEqual(coded('ERR_AETHER_WORKERS_NONE'))
  })
})

describe('listen for what is said', () => {
  it('hears the tasks of others, whoever performs them', async () => {
    const { AetherMagic, AetherTask } = program()
    const aether = new AetherMagic({ union: 'production' })
    const heard: AetherMessage[] = []
    const watcher = new AetherMagic({ union: 'production', channel: 'watch' })
    await watcher.listen(names.job, '+', '+', '+', 'workers', (message, data) => {
      expect(data).toBe(message.data)
      if (!['online', 'idle'].includes(message.action)) heard.push(message)
    })
    await aether.listen(...route, 'perform', 'workers', async (ae_task) => {
      await ae_task.status(50, { step: 1 })
      await ae_task.complete(true, { file: 'a' })
    })
    const tid = await new AetherTask(names).perform()
    await until(() => heard.some(({ action }) => action === 'complete'), { what: 'the end' })
    const said = { tid, union: 'production', ...names, workgroup: 'workers' }
    expect(heard).toEqual([
      expect.objectContaining({ ...said, action: 'status', status: 'progress', progress: 0, data: {} }),
      expect.objectContaining({
        ...said,
        action: 'status',
        status: 'progress',
        progress: 50,
        data: { step: 1 },
      }),
      expect.objectContaining({
        ...said,
        action: 'complete',
        status: 'succeed',
        progress: 100,
        data: { file: 'a' },
      }),
    ])
    expect(heard[0]).toMatchObject({
      host: expect.any(String),
      client: expect.stringContaining('aethermagic'),
    })
  })

  it('hears failures, cancelling and workers', async () => {
    const { AetherMagic, AetherTask } = program()
    const aether = new AetherMagic()
    const heard: unknown[] = []
    const note = ({ action, status, data }: AetherMessage): void => void heard.push([action, status, data])
    await aether.listen(...route, 'complete', 'workers', note)
    await aether.listen(...route, 'cancel', 'workers', note)
    await aether.listen(...route, 'dismiss', 'workers', ({ action, status }) => heard.push([action, status]))
    let stop: (value: unknown) => void = () => {}
    const worker = await aether.listen(...route, 'perform', 'workers', (ae_task, data) =>
      data === 'hang'
        ? new Promise((resolve) => (stop = resolve))
        : ae_task.complete(false, { why: 'no paper' }),
    )
    await new AetherTask(names).perform('fail')
    await until(() => heard.length === 1, { what: 'failed' })
    expect(heard).toEqual([['complete', 'failed', { why: 'no paper' }]])
    const hanging = new AetherTask(names)
    await hanging.perform('hang')
    await hanging.cancel('enough')
    await until(() => heard.some((each) => (each as string[])[1] === 'cancelled'), { what: 'cancelled' })
    stop('at last')
    await worker.close()
    await until(() => heard.some((each) => (each as string[])[0] === 'dismiss'), { what: 'gone' })
    expect(heard).toContainEqual(['dismiss', 'dismissed'])
  })

  it('refuses what is no action and no function', async () => {
    const { AetherMagic } = program()
    const aether = new AetherMagic()
    await expect(aether.listen(...route, 'explode' as never, 'workers', () => 1)).rejects.toEqual(
      coded('ERR_AETHER_OPTIONS_INVALID', /action/),
    )
    await expect(aether.listen(...route, 'status', 'workers', 5 as never)).rejects.toEqual(
      coded('ERR_AETHER_OPTIONS_INVALID', /handler/),
    )
    for (const [job, workgroup] of [
      ['a/b', 'workers'],
      ['j', ''],
    ] as const)
      await expect(aether.listen(job, '+', '+', 'status', workgroup, () => 1)).rejects.toEqual(
        coded('ERR_AETHER_NAME_INVALID'),
      )
    expect(aether.connected).toBe(false)
    await expect(aether.listen(...route, 'perform', 'a b', () => 1)).rejects.toEqual(
      coded('ERR_AETHER_NAME_INVALID'),
    )
    await expect(aether.listen('+', '+', '+', 'perform', 'workers', () => 1)).rejects.toEqual(
      coded('ERR_AETHER_NAME_INVALID'),
    )
  })
})

describe('listen_for_shared', () => {
  it('works in the workgroup of its connection', async () => {
    const { AetherMagic, AetherTask } = program()
    const aether = new AetherMagic({ protocol: 'mqtt', union: 'production', workgroup: 'resizers' })
    await aether.listen_for_shared({
      ...names,
      action: 'perform',
      handler: (ae_task) => ae_task.complete(true, 'ok'),
    })
    let end: unknown
    await new AetherTask({ ...names, on_complete: (_task, _succeed, data) => (end = data) }).perform()
    await until(() => end === 'ok', { what: 'the end' })
    await expect(new AetherTask({ ...names, workgroup: 'others' }).perform()).rejects.toEqual(
      coded('ERR_AETHER_WORKERS_NONE'),
    )
  })

  it('shares nothing but perform', async () => {
    const { AetherMagic } = program()
    const listening = new AetherMagic().listen_for_shared({
      ...names,
      action: 'status' as never,
      handler: () => 1,
    })
    await expect(listening).rejects.toEqual(
      coded('ERR_AETHER_CAPABILITY_UNSUPPORTED', /sharing status cannot be/),
    )
  })
})

describe('shared tasks', () => {
  it('go to one of those who added them as shared', async () => {
    const { AetherMagic } = program()
    const [got, workers]: [string[], InstanceType<typeof AetherMagic>[]] = [[], []]
    for (const name of ['a', 'b']) {
      const worker = new AetherMagic({ channel: name })
      await worker.add_task({ ...names, callback: () => got.push(name), shared: true })
      workers.push(worker)
    }
    await workers[0]?.perform_task({ ...names, data: { work: 'data' }, shared: true })
    await until(() => got.length === 1, { what: 'worked on' })
  })

  it('need somebody who does', async () => {
    const { AetherMagic } = program()
    const aether = new AetherMagic()
    await aether.add_task({ ...names, callback: () => 1 })
    await expect(aether.perform_task({ ...names, shared: true })).rejects.toEqual(
      coded('ERR_AETHER_WORKERS_NONE'),
    )
  })

  it('are what subscribe_to_tasks takes', async () => {
    const { AetherMagic } = program()
    const aether = new AetherMagic({ protocol_type: 'redis', mode: 'lists', consumer_name: 'worker_1' })
    const got: unknown[] = []
    await aether.subscribe_to_tasks(...route, (ae_task: AetherTask, data) => got.push(ae_task.job, data))
    await aether.perform_task({ ...names, data: 'data', shared: true })
    await until(() => got.length === 2, { what: 'worked on' })
    expect(got).toEqual([names.job, 'data'])
  })
})

describe('tasks that are not shared', () => {
  it('go to everyone who listens so, and to one of each workgroup', async () => {
    const { AetherMagic, mqttHub } = program()
    const got: string[] = []
    const hears = (name: string) => () => got.push(name)
    const [a, b] = [new AetherMagic({ channel: 'a' }), new AetherMagic({ channel: 'b' })]
    await a.add_task({ ...names, callback: hears('a') })
    await a.add_task({ ...names, callback: hears('a again') })
    await b.add_task({ ...names, callback: hears('b') })
    for (const worker of [a, b]) await worker.add_task({ ...names, callback: hears('shared'), shared: true })
    await b.perform_task({ ...names, data: 'all' })
    await until(() => got.length === 4, { what: 'told' })
    expect(got.toSorted()).toEqual(['a', 'a again', 'b', 'shared'])
    await b.perform_task({ ...names, shared: true })
    await until(() => got.length === 8, { what: 'told' })
    await until(() => mqttHub.stats().open === 0, { what: 'ended' })
    expect(got.toSorted()).toEqual(['a', 'a', 'a again', 'a again', 'b', 'b', 'shared', 'shared'])
  })

  it('are refused where nobody listens to all', async () => {
    const { AetherMagic } = program()
    const aether = new AetherMagic()
    await aether.add_task({ ...names, callback: () => 1, shared: true })
    await expect(aether.perform_task(names)).rejects.toEqual(coded('ERR_AETHER_WORKERS_NONE'))
  })

  it('are not heard any more after close', async () => {
    const { AetherMagic } = program()
    const aether = new AetherMagic()
    const got: string[] = []
    const first = await aether.add_task({ ...names, callback: () => got.push('first') })
    await aether.add_task({ ...names, callback: () => got.push('second') })
    await first.close()
    await aether.perform_task(names)
    await until(() => got.includes('second'), { what: 'told' })
    expect(got).toEqual(['second'])
  })

  it.each(['add_task', 'perform_task'] as const)('%s says clearly which', async (method) => {
    const { AetherMagic } = program()
    const asked = new AetherMagic()[method]({ ...names, callback: () => 1, shared: 'yes' as never })
    await expect(asked).rejects.toEqual(coded('ERR_AETHER_OPTIONS_INVALID', /shared must be true or false/))
  })
})
