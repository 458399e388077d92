import { execPath, kill } from 'node:process'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { type Balancer, createBalancer } from '../../src/index.ts'
import { type LocalProcesses, localProcesses } from '../../src/scaling/local-processes.ts'

const script = fileURLToPath(new URL('../fixtures/http-worker.mjs', import.meta.url))
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

  it('that end by themselves leave the balancer, and are replaced by autoscaling', async () => {
    const { lb, scaler } = processes('serves')
    lb.autoscale(scaler, { min: 1, max: 2, intervalMs: 50 })
    const keepAlive = setInterval(() => {}, 1_000)
    await vi.waitFor(() => expect(scaler.count).toBe(1), { timeout: 10_000 })
    const [pid] = scaler.pids
    kill(pid!, 'SIGKILL')
    await vi.waitFor(
      () => {
        expect(scaler.count).toBe(1)
        expect(scaler.pids[0]).not.toBe(pid)
      },
      { timeout: 10_000 },
    )
    expect(await ask(lb)).toBe(String(scaler.pids[0]))
    clearInterval(keepAlive)
  })

  it('that do not heed SIGTERM are killed', async () => {
    const { scaler } = processes('stubborn', { stopTimeoutMs: 100 })
    await scaler.scale(1)
    const [pid] = scaler.pids
    await scaler.scale(0)
    expect(isAlive(pid!)).toBe(false)
  })

  it.each([
    ['end too soon', 'dies', {}, /ended before it listened/],
    ['never listen', 'silent', { startTimeoutMs: 300 }, /did not listen within 300 ms/],
    ['do not exist', 'serves', { command: '/nowhere/program' }, /ended before it listened/],
  ])('that %s are an error, and leave nothing', async (_, mode, options, message) => {
    const { lb, scaler } = processes(mode, options)
    await expect(scaler.scale(1)).rejects.toMatchObject({
      code: 'ERR_AETHER_BACKENDS_NONE',
      message: expect.stringMatching(message) as string,
    })
    expect([scaler.count, lb.backends.length]).toEqual([0, 0])
  })
})
