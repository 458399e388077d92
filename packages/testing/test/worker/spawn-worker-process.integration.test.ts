import { readFile } from 'node:fs/promises'

import { afterEach, describe, expect, it } from 'vitest'

import { spawnWorkerProcess, until } from '../../src/index.ts'
import type { WorkerHandle, WorkerProcessOptions } from '../../src/index.ts'

const spec = { name: 'w1', union: 'u', workgroup: 'workers', concurrency: 1, leaseMs: 400 }

describe('spawnWorkerProcess', () => {
  const spawned: WorkerHandle[] = []

  afterEach(async () => {
    for (const worker of spawned.splice(0)) await worker.kill()
  })

  async function spawn(options: Partial<WorkerProcessOptions> = {}): Promise<WorkerHandle> {
    const worker = await spawnWorkerProcess({
      spec,
      record: () => undefined,
      transportModule: new URL('../support/worker-transport.ts', import.meta.url),
      transportOptions: {},
      ...options,
    })
    spawned.push(worker)
    return worker
  }

  /** The letter of its state in /proc: `T` is stopped. */
  async function stateOf(worker: WorkerHandle): Promise<string | undefined> {
    const status = await readFile(`/proc/${String(worker.pid)}/stat`, 'utf8')
    return status.slice(status.lastIndexOf(')') + 2).split(' ')[0]
  }

  it('starts a worker that stops when told, with code 0', async () => {
    const worker = await spawn()
    await worker.stop()
    expect(await worker.exited).toEqual({ code: 0, signal: null })
    await worker.stop()
  })

  it('kills by SIGKILL', async () => {
    const worker = await spawn()
    await worker.kill()
    expect(await worker.exited).toEqual({ code: null, signal: 'SIGKILL' })
  })

  it('freezes by SIGSTOP and thaws by SIGCONT', async () => {
    const worker = await spawn()
    await worker.freeze()
    await until(async () => (await stateOf(worker)) === 'T')
    await worker.thaw()
    await until(async () => (await stateOf(worker)) !== 'T')
    await worker.stop()
  })

  it('stops a frozen worker', async () => {
    const worker = await spawn()
    await worker.freeze()
    await worker.stop()
    expect((await worker.exited).code).toBe(0)
  })

  it('cuts and heals through the link it was given, and rejects without one', async () => {
    const seen: string[] = []
    const link = {
      cut: async (): Promise<void> => void seen.push('cut'),
      heal: async (): Promise<void> => void seen.push('heal'),
    }
    const linked = await spawn({ link })
    await linked.cut()
    await linked.heal()
    expect(seen).toEqual(['cut', 'heal'])
    const bare = await spawn()
    await expect(bare.cut()).rejects.toThrow(/no link/)
  })

  it('says why a worker did not start', async () => {
    await expect(spawn({ transportOptions: { broken: 'no such broker' } })).rejects.toThrow(/no such broker/)
    const nowhere = new URL('../support/nowhere.ts', import.meta.url)
    await expect(spawn({ transportModule: nowhere })).rejects.toThrow(/nowhere/)
  })
})
