import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { connect } from '@aether/broker'
import type { Lease } from '@aether/wire'
import { afterEach, expect, test } from 'vitest'
import { until } from './running-broker.ts'
import { succeed, TaskClient } from './task-client.ts'

const cli = fileURLToPath(new URL('../src/cli.ts', import.meta.url))
const children: ChildProcess[] = []

const folders: string[] = []

afterEach(async () => {
  // One that could not be started has no pid: a signal to it would go to this whole process group.
  for (const child of children.splice(0)) if (child.pid !== undefined) child.kill('SIGKILL')
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true })
})

interface Started {
  readonly child: ChildProcess
  readonly firstLine: Promise<string>
  readonly stderr: () => string
  readonly exit: Promise<number | null>
}

function startCli(...args: string[]): Started {
  const child = spawn(process.execPath, ['--conditions=@aether/source', '--import', 'tsx', cli, ...args])
  children.push(child)
  let stderr = ''
  child.stderr.on('data', (chunk) => {
    stderr += String(chunk)
  })
  const firstLine = once(createInterface(child.stdout), 'line').then(([line]) => String(line))
  const exit = once(child, 'exit').then(([code]) => code as number | null)
  return { child, firstLine, stderr: () => stderr, exit }
}

/** Resolves when the signal has come to effect. Nobody works on what is sent meanwhile. */
async function untilRefused(tasks: TaskClient): Promise<void> {
  for (let number = 0; ; number++) {
    const sent = await tasks
      .send({ route: 'shop/image/idle/x', tid: `probe${number}` })
      .catch((error: unknown) => error)
    if (!(sent instanceof Error)) continue
    expect(sent).toMatchObject({ code: expect.stringMatching(/^ERR_AETHER_TRANSPORT/) })
    return
  }
}

test('prints its url when it is ready, and works', async () => {
  const { firstLine } = startCli('--port', '0')
  const url = await firstLine
  expect(url).toMatch(/^aether:\/\/127\.0\.0\.1:\d+$/)
  const client = await connect(url)
  await client.serve('echo', (request) => request.payload)
  expect((await client.request('echo', Buffer.from('hi'))).text()).toBe('hi')
  await client.close()
})

test.each(['SIGTERM', 'SIGINT'] as const)(
  '%s lets the running task end, then the process, with code 0',
  async (signal) => {
    const { child, firstLine, exit } = startCli('--port', '0')
    const client = await connect(await firstLine)
    const tasks = new TaskClient(client)
    const leases: Lease[] = await tasks.hold()
    const run = await tasks.send()
    await until(() => leases.length === 1)
    child.kill(signal)
    // It says goodbye, and goes on until the task has ended.
    await untilRefused(tasks)
    expect(child.exitCode).toBeNull()
    await succeed(leases[0]!, 'in time')
    expect((await run.ending).body).toBe('in time')
    expect(await exit).toBe(0)
    await client.close()
  },
)

test('a second signal does not wait for the grace to be over', async () => {
  const { child, firstLine, exit } = startCli('--port', '0', '--drain-grace', '600000')
  const client = await connect(await firstLine)
  const tasks = new TaskClient(client)
  const leases = await tasks.hold()
  await tasks.send()
  await until(() => leases.length === 1)
  child.kill('SIGTERM')
  await untilRefused(tasks)
  child.kill('SIGTERM')
  expect(await exit).toBe(0)
  await client.close()
})

test('a port in use: says what to do, exits with 1', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const { stderr, exit } = startCli('--port', String(port))
  expect(await exit).toBe(1)
  expect(stderr()).toContain('ERR_AETHER_PORT_IN_USE')
  expect(stderr()).toContain(`Port ${port} on 127.0.0.1 is in use`)
  expect(stderr()).toContain('choose another port')
  expect(stderr()).not.toContain('    at ')
  server.close()
})

test('options of a file, and the command line over it', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'aether-broker-'))
  folders.push(folder)
  const file = join(folder, 'broker.json')
  await writeFile(file, JSON.stringify({ port: 1, name: 'from-file', maxPayloadBytes: 100 }))
  const { firstLine } = startCli('--config', file, '--port', '0', '--max-payload', '50')
  const client = await connect(await firstLine)
  await expect(new TaskClient(client).send({ body: new Uint8Array(51) })).rejects.toMatchObject({
    code: 'ERR_AETHER_PAYLOAD_TOO_LARGE',
  })
  await client.close()
})

test.each([
  [['--port', 'x'], 'whole number'],
  [['--port', '70000'], 'ERR_AETHER_OPTIONS_INVALID'],
  [['--dispatch', 'best'], 'most-credit'],
  [['--config', '/nowhere.json'], 'Cannot read --config /nowhere.json'],
  [['--colour', 'red'], 'unknown option'],
])('%j is refused in words', async (args, words) => {
  const { stderr, exit } = startCli(...args)
  expect(await exit).toBe(1)
  expect(stderr()).toContain(words)
  expect(stderr()).not.toContain('    at ')
})
