import { ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { freePort, startMosquitto, startNats, startRedis } from '../../src/index.ts'
import { startSupervised } from '../../src/process/supervised.ts'
import { isAlive } from '../is-alive.ts'

const parent = fileURLToPath(new URL('../fixtures/parent.ts', import.meta.url))

describe.each([
  { name: 'redis-server', start: startRedis },
  { name: 'mosquitto', start: startMosquitto },
  { name: 'nats-server', start: startNats },
])('$name', ({ start }) => {
  it('is gone with its folder after close, twice, and its log can still be read', async () => {
    const server = await start()
    expect(isAlive(server.pid)).toBe(true)
    expect(server.version).toMatch(/^\d+\.\d+/)
    await Promise.all([server.close(), server.close()])
    expect(isAlive(server.pid)).toBe(false)
    expect(existsSync(server.folder)).toBe(false)
    expect(server.log()).toMatch(/version/i)
    await expect(server.restart()).rejects.toThrow('closed')
    expect(() => server.freeze()).toThrow('closed')
  })

  it('comes back on its port and folder after kill and after restart, as another process', async () => {
    await using server = await start()
    const { port, folder, pid } = server
    await server.kill()
    expect(isAlive(pid)).toBe(false)
    await server.restart()
    expect(isAlive(server.pid)).toBe(true)
    expect([server.port, server.folder]).toEqual([port, folder])
    const second = server.pid
    await server.restart()
    expect(isAlive(second)).toBe(false)
    expect(isAlive(server.pid)).toBe(true)
  })

  it('closes and restarts when frozen', async () => {
    const server = await start()
    server.freeze()
    await server.restart()
    server.freeze()
    await server.close()
    expect(isAlive(server.pid)).toBe(false)
  })

  it('says at once when its port is taken, and leaves nothing behind', async () => {
    const taken = createServer()
    const port = await freePort()
    await new Promise<void>((resolve) => taken.listen(port, '127.0.0.1', resolve))
    onTestFinished(() => void taken.close())
    const temporary = await ownTemporaryFolder()
    await expect(start({ port })).rejects.toThrow(
      /ended before it listened on port .*address already in use/is,
    )
    expect(await readdir(temporary)).toEqual([])
  })

  it('leaves a given folder where it is', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'aether-given-'))
    onTestFinished(() => rm(folder, { recursive: true }))
    const server = await start({ folder })
    expect(server.folder).toBe(folder)
    await server.close()
    expect(existsSync(folder)).toBe(true)
  })
})

it('takes another port where the one it chose was taken meanwhile', async () => {
  const taken = createServer()
  const first = await freePort()
  await new Promise<void>((resolve) => taken.listen(first, '127.0.0.1', resolve))
  onTestFinished(() => void taken.close())
  const ports = [first, await freePort()]
  await using server = await startSupervised({
    name: 'redis-server',
    program: 'redis-server',
    folder: undefined,
    mayMove: true,
    readyTimeoutMs: 15_000,
    ready: /Ready to accept connections/,
    version: /version=([\d.]+)/,
    arrange: async (home) => {
      const port = ports.shift() ?? expect.fail('a third port')
      return { port, url: '', args: ['--port', String(port), '--bind', '127.0.0.1', '--dir', home] }
    },
  })
  expect(server.port).not.toBe(first)
  expect(ports).toEqual([])
})

it('says what a server said that does not get ready in time, and ends it', async () => {
  const temporary = await ownTemporaryFolder()
  const start = startSupervised({
    name: 'cat',
    program: 'sh',
    folder: undefined,
    mayMove: false,
    readyTimeoutMs: 200,
    ready: /never/,
    version: /never/,
    arrange: async () => ({ port: 1, url: '', args: ['-c', 'echo warming up $$; exec sleep 60'] }),
  })
  const failure = await start.then(
    () => expect.fail('it became ready'),
    (error: unknown) => String(error),
  )
  const pid = Number(/warming up (\d+)/.exec(failure)?.[1])
  expect(failure).toContain('did not listen on port 1 within 200 ms')
  expect(isAlive(pid)).toBe(false)
  expect(await readdir(temporary)).toEqual([])
})

it('names a program that cannot be started', async () => {
  const start = startSupervised({
    name: 'nothing',
    program: '/nonexistent',
    folder: undefined,
    mayMove: true,
    readyTimeoutMs: 1000,
    ready: /./,
    version: /./,
    arrange: async () => ({ port: 1, url: '', args: [] }),
  })
  await expect(start).rejects.toThrow('nothing ended before it listened')
})

it('signals nobody where it could not be started again', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'aether-program-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const program = join(folder, 'sleeper')
  await writeFile(program, '#!/bin/sh\necho ready\nexec sleep 60\n', { mode: 0o755 })
  await using server = await startSupervised({
    name: 'sleeper',
    program,
    folder: undefined,
    mayMove: false,
    readyTimeoutMs: 15_000,
    ready: /ready/,
    version: /./,
    arrange: async () => ({ port: 1, url: '', args: [] }),
  })
  await rm(program)
  await expect(server.restart()).rejects.toThrow('sleeper ended before it listened')
  // Of a child that never was, `kill` signals pid 0: the whole group of this one.
  const kill = vi.spyOn(ChildProcess.prototype, 'kill').mockReturnValue(false)
  onTestFinished(() => kill.mockRestore())
  server.freeze()
  server.thaw()
  await server.kill()
  expect(kill).not.toHaveBeenCalled()
})

it.each(['SIGKILL', 'SIGTERM'] as const)(
  'ends with its parent by %s, also frozen, and its folder goes',
  async (signal) => {
    const { pid, servers } = await startParent('stay')
    expect(servers.map((server) => isAlive(server.pid))).toEqual([true, true])
    process.kill(pid, signal)
    await untilGone(servers)
  },
)

it('ends with a parent that forgot to close', async () => {
  const { servers } = await startParent('leave')
  await untilGone(servers)
})

interface Started {
  readonly pid: number
  readonly folder: string
}

async function startParent(way: 'stay' | 'leave'): Promise<{ pid: number; servers: readonly Started[] }> {
  const child = spawn(process.execPath, ['--conditions=@aether/source', '--import', 'tsx', parent, way], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  let said = ''
  child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()))
  await vi.waitUntil(() => said.endsWith('\n'), { timeout: 15_000 })
  return { pid: child.pid as number, servers: JSON.parse(said) as Started[] }
}

async function untilGone(servers: readonly Started[]): Promise<void> {
  await vi.waitUntil(() => servers.every(({ pid, folder }) => !isAlive(pid) && !existsSync(folder)), {
    timeout: 10_000,
  })
}

/** Servers of other tests come and go in the one of the system. */
async function ownTemporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'aether-own-'))
  vi.stubEnv('TMPDIR', folder)
  onTestFinished(async () => {
    vi.unstubAllEnvs()
    await rm(folder, { recursive: true })
  })
  return folder
}
