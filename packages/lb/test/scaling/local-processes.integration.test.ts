import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execPath, kill } from 'node:process'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { type Balancer, createBalancer, type LbError } from '../../src/index.ts'
import { type LocalProcesses, localProcesses } from '../../src/scaling/local-processes.ts'

const script = fileURLToPath(new URL('../fixtures/http-worker.mjs', import.meta.url))
const patience = { timeout: 10_000, interval: 20 }
const closers: (() => Promise<void>)[] = []

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

function processes(mode: string, options = {}): { readonly lb: Balancer; readonly scaler: LocalProcesses } {
  const lb = createBalancer({ algorithm: 'round-robin' })
  const scaler = localProcesses(lb, { command: execPath, args: [script, mode, '{port}'], ...options })
  closers.push(
    () => lb.close(),
    () => scaler.close(),
  )
  return { lb, scaler }
}

async function ask(lb: Balancer, path = '/'): Promise<string> {
  const { value } = await lb.route({ method: 'GET' }, async ({ backend, signal }) => {
    const response = await fetch(`http://${backend.host}:${backend.port}${path}`, { signal })
    return response.text()
  })
  return value
}

function isAlive(pid: number): boolean {
  try {
    kill(pid, 0)
    return true
  } catch {
    return false
  }
}

describe('local processes', () => {
  it('are started, serve, and are stopped, the newest first', async () => {
    const { lb, scaler } = processes('serves', { backend: { zone: 'here', weight: 2 } })
    await scaler.scale(2)
    const [first, second] = scaler.pids
    expect(lb.backends).toMatchObject([{ zone: 'here', weight: 2 }, { zone: 'here' }])
    const answers = new Set([await ask(lb), await ask(lb), await ask(lb), await ask(lb)])
    expect(answers).toEqual(new Set([String(first), String(second)]))
    await scaler.scale(1)
    expect(scaler.pids).toEqual([first])
    expect(isAlive(second!)).toBe(false)
    expect(await ask(lb)).toBe(String(first))
    await scaler.close()
    expect(lb.backends).toHaveLength(0)
    expect(isAlive(first!)).toBe(false)
    await expect(scaler.scale(1)).rejects.toMatchObject({ code: 'ERR_AETHER_BALANCER_CLOSED' })
  })

  it('that end by themselves leave the balancer at once, and come back under their name after a pause', async () => {
    const lines: unknown[] = []
    const log = (message: string, fields: unknown): void => void lines.push([message, fields])
    const logger = { debug: log, info: log, warn: log, error: log }
    const { lb, scaler } = processes('serves', { logger, restartMs: 50, name: 'worker' })
    await scaler.scale(2)
    const [first, second] = scaler.pids
    expect(lb.backends.map((backend) => backend.id).toSorted()).toEqual(['worker-1', 'worker-2'])
    kill(first!, 'SIGKILL')
    await vi.waitFor(() => expect(lb.backends.map((backend) => backend.id)).toEqual(['worker-2']), patience)
    // It is still one of those that there should be: nobody starts a third.
    expect(scaler.count).toBe(2)
    await vi.waitFor(() => expect(lb.backends).toHaveLength(2), patience)
    expect(lb.backends.map((backend) => backend.id).toSorted()).toEqual(['worker-1', 'worker-2'])
    expect(scaler.pids).toContain(second)
    expect(scaler.pids).not.toContain(first)
    expect(lines).toContainEqual([
      'process-ended',
      expect.objectContaining({ backendId: 'worker-1', pid: first, reason: 'signal SIGKILL', restartMs: 50 }),
    ])
    expect(await ask(lb)).toMatch(/^\d+$/)
  })

  it('that keep ending are started less and less often, and not at all once they are to stop', async () => {
    const pauses: unknown[] = []
    const ignore = (): void => {}
    const warn = (_: string, fields: Readonly<Record<string, unknown>> = {}): void =>
      void pauses.push(fields['restartMs'])
    const logger = { debug: ignore, info: ignore, warn, error: warn }
    const { lb, scaler } = processes('serves', { logger, restartMs: 20 })
    await scaler.scale(1)
    for (let n = 1; n <= 4; n++) {
      await vi.waitFor(() => expect(lb.backends).toHaveLength(1), patience)
      await ask(lb, '/exit').catch(ignore)
      await vi.waitFor(() => expect(pauses).toHaveLength(n), patience)
    }
    expect(pauses).toEqual([20, 40, 80, 160])
    await scaler.scale(0)
    expect([scaler.count, lb.backends.length]).toEqual([0, 0])
    await scaler.scale(1)
    expect(lb.backends).toHaveLength(1)
  })

  it('that ran for long before they ended are not held responsible for what was before', async () => {
    const pauses: unknown[] = []
    const ignore = (): void => {}
    const warn = (_: string, fields: Readonly<Record<string, unknown>> = {}): void =>
      void pauses.push(fields['restartMs'])
    const logger = { debug: ignore, info: ignore, warn, error: warn }
    const { lb, scaler } = processes('serves', { logger, restartMs: 20, maxRestartMs: 200 })
    await scaler.scale(1)
    for (let n = 1; n <= 2; n++) {
      await vi.waitFor(() => expect(lb.backends).toHaveLength(1), patience)
      const readyAt = performance.now()
      await vi.waitFor(() => expect(performance.now() - readyAt).toBeGreaterThan(250), patience)
      await ask(lb, '/exit').catch(ignore)
      await vi.waitFor(() => expect(pauses).toHaveLength(n), patience)
    }
    expect(pauses).toEqual([20, 20])
  })

  it('behind a shell are asked to end as well, and have the time for it', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'lb-'))
    closers.push(async () => rmSync(folder, { recursive: true }))
    const mark = join(folder, 'mark')
    const { scaler } = processes('tidy', {
      command: '/bin/sh',
      args: ['-c', `"${execPath}" "${script}" tidy; true`],
      env: { MARK: mark },
    })
    await scaler.scale(1)
    await scaler.close()
    expect(readFileSync(mark, 'utf8')).toBe('tidied up')
  })

  it('are kept at the number that the load asks for', async () => {
    const { lb, scaler } = processes('serves')
    const scaling = lb.autoscale(scaler, { min: 1, max: 2, intervalMs: 50, scaleOutCooldownMs: 0 })
    const keepAlive = setInterval(() => {}, 1_000)
    await vi.waitFor(() => expect(lb.backends).toHaveLength(1), patience)
    lb.update('process-1', { maxConnections: 1 })
    const lease = lb.pick()
    await vi.waitFor(() => expect(lb.backends).toHaveLength(2), patience)
    lease.done()
    scaling.close()
    clearInterval(keepAlive)
  })

  it('join once they are ready, not once they listen', async () => {
    const startedAt = performance.now()
    const { lb, scaler } = processes('serves', { ready: { path: '/ready' } })
    await scaler.scale(1)
    expect(performance.now() - startedAt).toBeGreaterThan(250)
    expect(lb.backends).toHaveLength(1)
  })

  it('find their port in the environment, beside what this process has or what is given', async () => {
    const lb = createBalancer()
    const scaler = localProcesses(lb, { command: execPath, args: [script], env: { MODE: 'serves' } })
    closers.push(() => scaler.close())
    await scaler.scale(1)
    expect(await ask(lb)).toBe(String(scaler.pids[0]))
  })

  it('end with all that they have started', async () => {
    const { lb, scaler } = processes('parent', { stopTimeoutMs: 300 })
    await scaler.scale(1)
    const grandchild = Number(await ask(lb, '/child'))
    expect(isAlive(grandchild)).toBe(true)
    await scaler.close()
    await vi.waitFor(() => expect(isAlive(grandchild)).toBe(false), patience)
  })

  it('do not outlive one who is killed', async () => {
    const fixture = fileURLToPath(new URL('../fixtures/parent-of-processes.ts', import.meta.url))
    const parent = spawn(execPath, ['--conditions=@aether/source', '--import', 'tsx', fixture], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [line] = (await once(parent.stdout.setEncoding('utf8'), 'data')) as [string]
    const pids = line.trim().split(' ').map(Number)
    expect(pids.map(isAlive)).toEqual([true, true])
    parent.kill('SIGKILL')
    await vi.waitFor(() => expect(pids.map(isAlive)).toEqual([false, false]), patience)
  })

  it('that are starting end when they are to stop', async () => {
    const { lb, scaler } = processes('silent', { startTimeoutMs: 60_000 })
    const late = AbortSignal.timeout(300)
    await expect(scaler.scale(1, { signal: late })).rejects.toMatchObject({ name: 'TimeoutError' })
    const refused = scaler.scale(2).catch((error: Error) => error.message)
    await vi.waitFor(() => expect(scaler.count).toBe(2), patience)
    await scaler.close()
    expect(await refused).toBe('2 processes failed')
    expect([scaler.count, lb.backends.length]).toEqual([0, 0])
  })

  it('stay while their replica group needs them, and serve', async () => {
    const lb = createBalancer({ groups: { api: { minHealthy: 2 } } })
    const scaler = localProcesses(lb, {
      command: execPath,
      args: [script, 'serves'],
      backend: { group: 'api' },
    })
    closers.push(() => scaler.close())
    await scaler.scale(2)
    await expect(scaler.scale(1)).rejects.toMatchObject({ code: 'ERR_AETHER_REPLICAS_SHORT' })
    expect([scaler.count, lb.backends.length]).toEqual([2, 2])
  })

  it('are gone once it is closed, also those that were asked to stop before', async () => {
    const { lb, scaler } = processes('serves', { stopTimeoutMs: 300 })
    await scaler.scale(1)
    const lease = lb.pick()
    const [pid] = scaler.pids
    const stopping = scaler.scale(0)
    await scaler.close()
    expect(isAlive(pid!)).toBe(false)
    await stopping
    lease.done()
  })

  it('are gone once it is closed, also those that their group has just kept', async () => {
    const lb = createBalancer({ groups: { api: {} } })
    const args = [script, 'serves']
    const scaler = localProcesses(lb, { command: execPath, args, backend: { group: 'api' } })
    closers.push(() => scaler.close())
    await scaler.scale(1)
    const [pid] = scaler.pids
    const kept = scaler.scale(0).catch((error: LbError) => error.code)
    await scaler.close()
    expect([isAlive(pid!), scaler.count, lb.backends.length]).toEqual([false, 0, 0])
    expect(await kept).toBe('ERR_AETHER_REPLICAS_SHORT')
  })

  it('finish what they are at before they end', async () => {
    const { lb, scaler } = processes('serves')
    await scaler.scale(1)
    const lease = lb.pick()
    const [pid] = scaler.pids
    const stopping = scaler.scale(0)
    await vi.waitFor(() => expect(lb.choose()).toBeUndefined(), patience)
    expect(isAlive(pid!)).toBe(true)
    lease.done()
    await stopping
    expect(isAlive(pid!)).toBe(false)
  })

  it('that end by themselves while they are asked to stop leave at once too, and do not come back', async () => {
    const { lb, scaler } = processes('serves', { stopTimeoutMs: 60_000, restartMs: 1 })
    await scaler.scale(1)
    const lease = lb.pick()
    const [pid] = scaler.pids
    const stopping = scaler.scale(0)
    kill(pid!, 'SIGKILL')
    await vi.waitFor(() => expect(lb.backends).toHaveLength(0), patience)
    await stopping
    expect([lease.isDone, scaler.count, scaler.pids]).toEqual([false, 0, []])
    lease.done()
  })

  it('that do not heed SIGTERM are killed', async () => {
    const { scaler } = processes('stubborn', { stopTimeoutMs: 100 })
    await scaler.scale(1)
    const [pid] = scaler.pids
    await scaler.scale(0)
    expect(isAlive(pid!)).toBe(false)
  })

  it.each([
    ['end too soon', 'dies', {}, /ended before it was ready \(exit code 3\)/],
    ['never listen', 'silent', { startTimeoutMs: 300 }, /was not ready within 300 ms/],
    [
      'do not exist',
      'serves',
      { command: '/nowhere/program' },
      /ended before it was ready \(spawn .* ENOENT\)/,
    ],
  ])('that %s are an error, and leave nothing', async (_, mode, options, message) => {
    const { lb, scaler } = processes(mode, options)
    await expect(scaler.scale(1)).rejects.toMatchObject({
      code: 'ERR_AETHER_BACKENDS_NONE',
      message: expect.stringMatching(message) as string,
    })
    expect([scaler.count, lb.backends.length]).toEqual([0, 0])
  })

  it('tell in the error the end of what they wrote, however much that was', async () => {
    const { scaler } = processes('dies')
    const error: unknown = await scaler.scale(1).catch((reason: unknown) => reason)
    const { output } = (error as LbError).detail as { output: string }
    expect(output).toHaveLength(4_096)
    expect(output).toMatch(/x\nthe disk is full\n$/)
  })

  it.each([
    { command: '' },
    { args: 'serve' },
    { stopTimeoutMs: 0 },
    { restartMs: 100, maxRestartMs: 10 },
    { ready: { pth: '/' } },
    { backends: {} },
    { name: '' },
    { logger: { info() {} } },
  ])('refuse %j', (options) => {
    expect(() => processes('serves', options)).toThrow(
      expect.objectContaining({ code: 'ERR_AETHER_OPTIONS_INVALID' }) as Error,
    )
  })

  it('refuse what no system takes, and numbers of processes that there cannot be', async () => {
    const { scaler } = processes('serves', { command: 'a\0b' })
    await expect(scaler.scale(1)).rejects.toMatchObject({ code: 'ERR_AETHER_OPTIONS_INVALID' })
    await expect(scaler.scale(-1)).rejects.toMatchObject({ code: 'ERR_AETHER_OPTIONS_INVALID' })
    expect(scaler.count).toBe(0)
  })
})
