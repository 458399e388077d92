import { readFile } from 'node:fs/promises'
import { type MosquittoServer, startMosquitto } from '@aether/services'
import { until } from '@aether/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openings } from '../support/openings.ts'
import { type PeerOptions, type PythonPeer, startPythonPeer } from '../support/python-peer.ts'

// The peer is what is said here about AetherMagic is judged by, so it is itself judged first: by the envelopes that the library writes, and against itself.

let server: MosquittoServer
beforeAll(async () => {
  server = await startMosquitto()
})
afterAll(() => server.close())

const opened = openings()

async function peer(options: Partial<PeerOptions> & { readonly union: string }): Promise<PythonPeer> {
  return opened(await startPythonPeer({ port: server.port, ...options }))
}

/** The payload of a golden vector, as the library wrote it. */
async function vector(name: string): Promise<string> {
  const file = new URL(`../../../core/test/vectors/${name}.json`, import.meta.url)
  return (JSON.parse(await readFile(file, 'utf8')) as { json: string }).json
}

const address = { job: 'image-process', task: 'resize', context: 'batch1' }
const task = { ...address, tid: 'task-1' }

describe('the Python peer', () => {
  it('writes what the library writes, byte for byte', async () => {
    const who = { union: 'production', host: 'py-host', client: '5f1c' }
    const [writer, reader] = [await peer(who), await peer({ union: 'production' })]
    await reader.listen('production/image-process/#')
    await writer.perform(task, { path: 'a.png' })
    await writer.status(task, 0)
    expect((await reader.hears('perform')).text).toBe(await vector('python-perform'))
    expect((await reader.hears('status')).text).toBe(await vector('python-status'))
    const older = await peer({ ...who, form: 'older' })
    await older.complete({ ...task, tid: 'task-2' }, true, { name: 'größe' })
    await older.complete({ ...task, tid: 'task-3' }, false)
    expect((await reader.hears('complete', 'task-2')).text).toBe(await vector('python-complete'))
    expect((await reader.hears('complete', 'task-3')).text).toBe(await vector('python-failed'))
  })

  it.each([4, 5] as const)('takes and performs tasks of its own kind (protocol %i)', async (protocol) => {
    const union = `self-${protocol}`
    const [client, worker] = [await peer({ union, protocol }), await peer({ union, protocol })]
    await worker.idle(address, { behaviour: 'echo' })
    const { tid } = await client.perform(address, { name: 'größe' })
    expect(await client.hears('complete', tid)).toMatchObject({
      topic: `${union}/image-process/resize/batch1/${tid}/complete`,
      status: 'succeed',
      progress: 100,
      data: { name: 'größe' },
    })
    expect(client.of('status', tid).map(({ progress }) => progress)).toEqual([0, 50])
    expect(worker.of('perform', tid)).toMatchObject([{ status: 'initialized', progress: 0 }])
  })

  it('fails tasks as the library does', async () => {
    const [client, worker] = [await peer({ union: 'fails' }), await peer({ union: 'fails' })]
    await worker.idle(address, { behaviour: 'fail' })
    const { tid } = await client.perform(address, {})
    expect(await client.hears('complete', tid)).toMatchObject({ status: 'failed', progress: 100 })
  })

  it('shares tasks within a workgroup, and gives each workgroup a copy', async () => {
    const union = 'shares'
    const workers = [await peer({ union }), await peer({ union }), await peer({ union })]
    for (const worker of workers) await worker.idle(address, { behaviour: 'silent' })
    const observer = await peer({ union })
    await observer.idle(address, { workgroup: 'observers', behaviour: 'silent' })
    const client = await peer({ union })
    for (let n = 0; n < 9; n += 1) await client.perform({ ...address, tid: `task-${n}` }, { n })
    const taken = (): string[] => workers.flatMap((worker) => worker.of('perform').map(({ tid }) => tid))
    await until(() => taken().length >= 9 && observer.of('perform').length >= 9)
    expect(taken().toSorted()).toEqual(Array.from({ length: 9 }, (_, n) => `task-${n}`))
    expect(workers.map((worker) => worker.of('perform').length)).toEqual([3, 3, 3])
    expect(observer.of('perform')).toHaveLength(9)
  })

  it('takes what it cannot read for the failed end of a task', async () => {
    const [client, other] = [await peer({ union: 'unreadable' }), await peer({ union: 'unreadable' })]
    const { tid } = await client.perform(address, {})
    await other.publish(`unreadable/image-process/resize/batch1/${tid}/complete`, 'no json')
    expect(await client.hears('complete', tid)).toMatchObject({ status: 'failed', text: 'no json' })
  })
})
