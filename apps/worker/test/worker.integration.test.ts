import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, truncate, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'

import { type Aether, createAether, type Run } from '@aether/core'
import { createBroker } from '@aether/broker'
import { createFaultProxy, until } from '@aether/testing'
import { tcp } from '@aether/transport-tcp'
import sharp from 'sharp'
import { describe, expect, it, onTestFinished } from 'vitest'

import { filesDigest, imageThumbnail, textStats } from '../src/index.ts'
import { brokerChild, get, logLines, readyWorker, startWorker } from './child-process.ts'
import { wait } from './fixtures/waiting-handlers.ts'
import { temporaryFolder } from './temporary-folder.ts'

const waiting = join(import.meta.dirname, 'fixtures/waiting-handlers.ts')

async function brokerHere(): Promise<number> {
  const broker = createBroker({ port: 0, drainGraceMs: 0 })
  onTestFinished(() => broker.close())
  await broker.start()
  return broker.address.port
}

async function client(port: number): Promise<Aether> {
  const aether = createAether({ union: 'test', transport: tcp({ url: `tcp://127.0.0.1:${port}` }) })
  onTestFinished(() => aether.close({ signal: AbortSignal.abort() }))
  await aether.start()
  return aether
}

/** Resolves when a worker has the task in its hands; the run comes in a box, as awaiting it would wait for its end. */
async function begun(perform: (onStatus: () => void) => Run<string>): Promise<{ readonly run: Run<string> }> {
  return new Promise((resolve) => {
    const run = perform(() => resolve({ run }))
  })
}

describe('the worker service', () => {
  it('does the work of its own handlers, and says so', async () => {
    const port = await brokerHere()
    const root = await temporaryFolder()
    await mkdir(join(root, 'sub'))
    await writeFile(join(root, 'sub', 'ünï'), 'one two\nthree\n')
    await writeFile(join(root, 'big'), '')
    await truncate(join(root, 'big'), 50_000_000)
    await sharp({ create: { width: 60, height: 30, channels: 3, background: 'red' } })
      .png()
      .toFile(join(root, 'a.png'))
    const options = { root }
    const worker = await readyWorker({
      port,
      handlers: ['files/digest', 'image/thumbnail', 'text/stats'].map((name) => ({
        module: `builtin:${name}`,
        options,
      })),
      env: { AETHER_NAME: 'worker-a' },
    })
    const aether = await client(port)
    for (const path of ['sub/ünï', 'big']) {
      const { sha256, bytes } = await aether.perform(filesDigest, { path })
      expect(execFileSync('sha256sum', [join(root, path)], { encoding: 'utf8' })).toContain(sha256)
      expect(bytes).toBe(path === 'big' ? 50_000_000 : 14)
    }
    expect(await aether.perform(textStats, { path: 'sub/ünï' })).toMatchObject({
      lines: 2,
      words: 3,
      bytes: 14,
    })
    const made = await aether.perform(imageThumbnail, { source: { path: 'a.png' }, width: 20 })
    expect(await sharp(made.image).metadata()).toMatchObject({ width: 20, height: 10, format: 'webp' })
    const failed = await aether.perform(filesDigest, { path: 'gone' }).settle()
    expect(failed).toMatchObject({
      status: 'failed',
      attempt: 1,
      worker: 'worker-a',
      error: { detail: { code: 'ENOENT' } },
    })

    expect(await get(`${worker.url}/healthz`)).toMatchObject({ status: 200 })
    expect(await get(`${worker.url}/readyz`)).toMatchObject({ status: 200 })
    const { body } = await get(`${worker.url}/metrics`)
    expect(body).toContain('aether_tasks_finished_total{job="files",task="digest",outcome="succeeded"} 2')
    expect(body).toContain('aether_tasks_finished_total{job="files",task="digest",outcome="failed"} 1')
    expect(body).toContain('aether_transport_state{state="ready"} 1')
  })

  it('finishes what it has in hand when told to stop, takes nothing new, and exits with 0', async () => {
    const port = await brokerHere()
    const gate = join(await temporaryFolder(), 'gate')
    const worker = await readyWorker({ port, handlers: [waiting] })
    const aether = await client(port)
    const { run } = await begun((onStatus) =>
      aether.perform(wait, { until: gate, listens: true }, { onStatus }),
    )
    worker.process.kill('SIGTERM')
    await until(async () => (await get(`${worker.url}/readyz`)).status === 503)
    expect(await get(`${worker.url}/healthz`)).toMatchObject({ status: 200 })
    const late = aether.perform(wait, { until: gate, listens: true }, { waitForWorkers: true })
    await late.accepted
    await writeFile(gate, '')
    expect(await run).toBe('attempt 1')
    expect(await worker.exited).toBe(0)
    expect(worker.log().at(-1)).toMatchObject({ msg: 'stopped', code: 0 })
    expect(late.settlement).toBeUndefined()
    await readyWorker({ port, handlers: [waiting] })
    expect(await late).toBe('attempt 1')
  })

  it('gives back what is not done within the grace, and exits with 0', async () => {
    const port = await brokerHere()
    const gate = join(await temporaryFolder(), 'gate')
    const first = await readyWorker({ port, handlers: [waiting], env: { AETHER_GRACE_MS: '50' } })
    const aether = await client(port)
    const { run } = await begun((onStatus) =>
      aether.perform(wait, { until: gate, listens: true }, { onStatus }),
    )
    first.process.kill('SIGINT')
    expect(await first.exited).toBe(0)
    await writeFile(gate, '')
    await readyWorker({ port, handlers: [waiting] })
    expect(await run).toBe('attempt 2')
  })

  it('exits with 0 after the grace though a handler never listens', async () => {
    const port = await brokerHere()
    const gate = join(await temporaryFolder(), 'gate')
    const worker = await readyWorker({ port, handlers: [waiting], env: { AETHER_GRACE_MS: '50' } })
    const aether = await client(port)
    await begun((onStatus) => aether.perform(wait, { until: gate, listens: false }, { onStatus }))
    worker.process.kill('SIGTERM')
    expect(await worker.exited).toBe(0)
  })

  it('stops at once, with 1, at a second signal', async () => {
    const port = await brokerHere()
    const gate = join(await temporaryFolder(), 'gate')
    const worker = await readyWorker({ port, handlers: [waiting] })
    const aether = await client(port)
    await begun((onStatus) => aether.perform(wait, { until: gate, listens: false }, { onStatus }))
    worker.process.kill('SIGTERM')
    await until(() => worker.log().some((line) => line.msg === 'draining'))
    worker.process.kill('SIGTERM')
    expect(await worker.exited).toBe(1)
  })

  it('drains when its standard input ends, where it was told to', async () => {
    const worker = await readyWorker({
      port: await brokerHere(),
      handlers: ['builtin:text/stats'],
      env: { AETHER_STOP_ON_STDIN_END: 'true' },
    })
    worker.process.stdin.end()
    expect(await worker.exited).toBe(0)
  })

  it('stops while it starts, too', async () => {
    const deaf = createServer().listen(0, '127.0.0.1')
    await once(deaf, 'listening')
    onTestFinished(() => void deaf.close())
    const { port } = deaf.address() as { port: number }
    const worker = startWorker({ port, handlers: ['builtin:text/stats'] })
    await until(() => worker.stdout().includes('http is up'), { timeoutMs: 30_000 })
    worker.process.kill('SIGTERM')
    expect(await worker.exited).toBe(0)
  })
})

describe('the health of the worker service', () => {
  it('is red while the broker is away, and green again once it is back', async () => {
    const broker = await brokerChild()
    const worker = await readyWorker({
      port: broker.port,
      handlers: ['builtin:text/stats'],
      env: { AETHER_PROBE_INTERVAL_MS: '100' },
    })
    expect(await get(`${worker.url}/healthz`)).toMatchObject({ status: 200 })
    broker.process.kill('SIGKILL')
    await until(async () => (await get(`${worker.url}/healthz`)).status === 503)
    const { body } = await get(`${worker.url}/healthz`)
    expect(JSON.parse(body)).toMatchObject({ isHealthy: false, transport: 'reconnecting' })
    await broker.exited
    await brokerChild(broker.port)
    await until(async () => (await get(`${worker.url}/healthz`)).status === 200, { timeoutMs: 30_000 })
    const aether = await client(broker.port)
    expect(await aether.perform(textStats, { text: 'still here' })).toMatchObject({ words: 2 })
  })

  it('is red while the connection is frozen, though it is open, and green again after', async () => {
    const port = await brokerHere()
    const proxy = await createFaultProxy({ target: { port } })
    onTestFinished(() => proxy.close())
    const worker = await readyWorker({
      port: proxy.port,
      handlers: ['builtin:text/stats'],
      env: { AETHER_PROBE_INTERVAL_MS: '100', AETHER_PROBE_TIMEOUT_MS: '400' },
    })
    proxy.stall()
    await until(async () => (await get(`${worker.url}/healthz`)).status === 503)
    expect(JSON.parse((await get(`${worker.url}/healthz`)).body)).toMatchObject({ transport: 'ready' })
    expect(await get(`${worker.url}/readyz`)).toMatchObject({ status: 503 })
    proxy.heal()
    await until(async () => (await get(`${worker.url}/healthz`)).status === 200, { timeoutMs: 30_000 })
  })
})

describe('a task in the hands of a frozen worker service', () => {
  it('goes on elsewhere, and the frozen one drops it and counts the loss once it is back', async () => {
    const port = await brokerHere()
    const proxy = await createFaultProxy({ target: { port } })
    onTestFinished(() => proxy.close())
    const gate = join(await temporaryFolder(), 'gate')
    const env = { AETHER_LEASE_MS: '2000' }
    const frozen = await readyWorker({ port: proxy.port, handlers: [waiting], env })
    const aether = await client(port)
    const attempts: number[] = []
    const onStatus = ({ attempt }: { readonly attempt: number }): void => void attempts.push(attempt)
    const run = aether.perform(wait, { until: gate, listens: true }, { onStatus })
    await until(() => attempts.includes(1))
    // Before the first one freezes: where nobody else is there, the broker asks the frozen one again until the attempts are used up.
    await readyWorker({ port, handlers: [waiting], env })
    proxy.stall()
    await until(() => attempts.includes(2), { timeoutMs: 30_000 })
    proxy.heal()
    const lost = 'aether_lease_losses_total{job="test",task="wait"} 1'
    await until(async () => (await get(`${frozen.url}/metrics`)).body.includes(lost), { timeoutMs: 30_000 })
    await writeFile(gate, '')
    expect(await run).toMatch(/^attempt [23]$/)
  })
})

describe('the worker service refuses', () => {
  it('a configuration that is wrong: every problem in plain words, exit code 2', async () => {
    const worker = startWorker({
      port: 1,
      handlers: ['builtin:text/stats'],
      env: { AETHER_CONCURRENCY: 'many', AETHER_TYPO: '1', AETHER_TOKEN: 's3cret' },
    })
    expect(await worker.exited).toBe(2)
    expect(worker.stderr()).toContain('ERR_AETHER_OPTIONS_INVALID')
    expect(worker.stderr()).toContain('AETHER_CONCURRENCY')
    expect(worker.stderr()).toContain('AETHER_TYPO')
    expect(worker.stderr()).not.toMatch(/s3cret|\n\s+at /)
  })

  it('a handler module that is none, a port in use, a broker that is not there: exit code 1', async () => {
    const taken = createServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    onTestFinished(() => void taken.close())
    const used = (taken.address() as { port: number }).port
    const port = await brokerHere()
    const cases = [
      { code: 'ERR_AETHER_OPTIONS_INVALID', port, handlers: ['/nowhere.mjs'], env: {} },
      {
        code: 'ERR_AETHER_PORT_IN_USE',
        port,
        handlers: ['builtin:text/stats'],
        env: { AETHER_HTTP_PORT: String(used) },
      },
    ]
    for (const { code, ...options } of cases) {
      const worker = startWorker(options)
      expect(await worker.exited).toBe(1)
      expect(logLines(worker).find((line) => line.msg === 'cannot start')).toMatchObject({ error: { code } })
    }
  })
})
