import { createAether, defineTask, type Transport } from '@aether/core'
import { type RedisServer, startRedis } from '@aether/services'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { redis, type RedisOptions } from '../../src/index.ts'
import { expectAllDone, modes, openFailureStage, openInstance, work } from '../support/failure-stage.ts'

let server: RedisServer
beforeAll(async () => {
  server = await startRedis({ config: { 'proto-max-bulk-len': '1mb' } })
})
afterAll(() => server.close())

/** What a user sees who performs a task over a transport that cannot start. */
async function endOf(transport: Transport, connectMs: number): Promise<unknown> {
  const aether = createAether({ union: 'wrong', transport })
  const began = performance.now()
  const settled = await aether.perform(work, { n: 1, ms: 0 }, { deadlineMs: 20_000 }).settle()
  expect(performance.now() - began).toBeLessThan(connectMs)
  await aether.close()
  return settled.status === 'succeeded' ? settled.status : settled.error
}

describe.each(modes)('mode %s', (mode) => {
  const make = (options: RedisOptions): Transport =>
    redis({
      mode,
      backoff: { initialMs: 10, maxMs: 50 },
      connectTimeoutMs: 1_000,
      ...options,
    } as RedisOptions)

  test('names that no topic can hold are refused where they are given', async () => {
    const { aether, transport } = await openInstance('names', { mode, url: server.url, prefix: `${mode}-n:` })
    const route = { union: 'failures', job: 'failures', task: 'work', context: 'x' }
    const consume = { workgroup: 'workers', credit: 1, leaseMs: 1_000 }
    const nothing = (): void => undefined
    for (const bad of ['a/b', 'a+b', 'a#b', 'a*b', 'a:b', 'a b', 'a\tb', '', '$share']) {
      const invalid = { code: 'ERR_AETHER_NAME_INVALID', retryable: false }
      const refused = async (call: Promise<unknown>): Promise<void> => {
        await expect(call, JSON.stringify(bad)).rejects.toMatchObject(invalid)
      }
      for (const level of ['job', 'task', 'context', 'union'] as const) {
        await refused(transport.consume({ ...route, [level]: bad }, consume, nothing))
        await refused(transport.cancel({ ...route, [level]: bad }, 'tid', 'x'))
      }
      await refused(transport.consume(route, { ...consume, workgroup: bad }, nothing))
      await refused(transport.cancel(route, bad, 'x'))
      await refused(transport.listen({ job: bad }, nothing))
      for (const options of [{ tid: bad }, { context: bad }, { workgroup: bad }]) {
        const settled = await aether.perform(work, { n: 1, ms: 0 }, options).settle()
        expect(settled).toMatchObject({ status: 'failed', error: { code: 'ERR_AETHER_NAME_INVALID' } })
      }
      expect(() => defineTask({ job: bad, task: 'work' })).toThrow(expect.objectContaining(invalid))
    }
    expect(transport.state.status).toBe('ready')
    await aether.close()
  })

  test('names that only Redis would read otherwise pass: braces, brackets, question marks, other scripts', async () => {
    const names = ['{a}', 'a}b{', '[abc]', 'a?c', String.raw`a\c`, '%7B', 'grün', '任务', '^x$']
    const { aether, transport } = await openInstance('odd', { mode, url: server.url, prefix: `${mode}-o:` })
    for (const name of names) {
      const odd = defineTask({ job: name, task: name })
      const heard: string[] = []
      const listener = await transport.listen({ job: name, task: name, action: 'complete' }, (event) => {
        heard.push(event.route.job)
      })
      const worker = aether.worker({ presenceMs: 0, workgroup: name, name: `w-${names.indexOf(name)}` })
      await worker.handle(odd, (input) => input, { context: '+' }).start()
      const options = { workgroup: name, context: name, waitForWorkers: true, deadlineMs: 5_000 }
      expect(await aether.perform(odd, name, options)).toBe(name)
      await expect.poll(() => heard).toEqual([name])
      await listener.close()
      await worker.drain()
    }
    await aether.close()
  })

  test('a body over our own limit, and one over the limit of the server: both are told, nothing else is harmed', async () => {
    const prefix = `${mode}-p:`
    const options = { mode, url: server.url, prefix, maxPayloadBytes: 4_000_000 } as RedisOptions
    const stage = await openFailureStage({ redis: options })
    const settle = (bytes: number): Promise<unknown> =>
      stage.caller.aether
        .perform(work, { n: 0, ms: 0, ballast: 'x'.repeat(bytes) } as never, {
          waitForWorkers: true,
          deadlineMs: 8_000,
        })
        .settle()
    const runs = stage.performMany(20, 10)
    const tooLarge = { status: 'failed', error: { code: 'ERR_AETHER_PAYLOAD_TOO_LARGE', retryable: false } }
    expect(await settle(4_000_001)).toMatchObject(tooLarge)
    // The server takes a million bytes at once, and ends the connection of who says more.
    expect(await settle(2_000_000)).toMatchObject(tooLarge)
    await expectAllDone(stage, [...runs, ...stage.performMany(20)])
    const large = defineTask({ job: 'failures', task: 'large' })
    const worker = stage.worker.aether.worker({ presenceMs: 0, workgroup: 'large' })
    await worker.handle(large, (bytes) => 'x'.repeat(bytes as number)).start()
    const results = [2_000_000, 10, 4_000_001, 900_000, 900_000].map((bytes) =>
      stage.caller.aether.perform(large, bytes, {
        workgroup: 'large',
        waitForWorkers: true,
        deadlineMs: 8_000,
      }),
    )
    const ends = await Promise.all(results.map((run) => run.settle()))
    expect(
      ends.map((end) => (end.status === 'succeeded' ? (end.value as string).length : end.error.code)),
    ).toEqual(['ERR_AETHER_PAYLOAD_TOO_LARGE', 10, 'ERR_AETHER_PAYLOAD_TOO_LARGE', 900_000, 900_000])
    await stage.close()
  }, 30_000)

  test('tasks that fit one by one pass, however many are performed at once', async () => {
    const options = { mode, url: server.url, prefix: `${mode}-many:` } as RedisOptions
    const stage = await openFailureStage({ redis: options })
    const ballast = 'x'.repeat(300_000)
    const runs = Array.from({ length: 20 }, (_, n) =>
      stage.caller.aether.perform(work, { n, ms: 0, ballast } as never, { waitForWorkers: true }),
    )
    await expectAllDone(stage, runs)
    await stage.close()
  })

  test('a wrong URL, a port where nobody listens, something that is no Redis', async () => {
    for (const url of [
      'http://127.0.0.1',
      'redis://127.0.0.1:99999',
      'redis://127.0.0.1/zwei',
      'nonsense',
      '',
    ])
      expect(() => make({ url }), url).toThrow(
        expect.objectContaining({ code: 'ERR_AETHER_OPTIONS_INVALID' }),
      )
    expect(await endOf(make({ url: 'redis://127.0.0.1:1' }), 5_000)).toMatchObject({
      code: 'ERR_AETHER_CONNECT_FAILED',
    })
    const web = await listen((socket) => {
      socket.once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'))
    })
    expect(await endOf(make({ url: urlOf(web) }), 5_000)).toMatchObject({ code: 'ERR_AETHER_CONNECT_FAILED' })
    await new Promise((resolve) => web.close(resolve))
  })

  test('credentials that are refused, and such as are missing, are said at once', async () => {
    const guarded = await startRedis({ config: { requirepass: 'secret' } })
    const { port } = guarded
    for (const url of [
      guarded.url,
      `redis://:wrong@127.0.0.1:${port}`,
      `redis://anna:secret@127.0.0.1:${port}`,
    ]) {
      const error = await endOf(make({ url, connectTimeoutMs: 10_000 }), 3_000)
      expect(error).toMatchObject({ code: 'ERR_AETHER_TOKEN_REFUSED', retryable: false })
      expect(JSON.stringify(error) + String(error)).not.toContain('secret')
    }
    const right = make({ url: `redis://:secret@127.0.0.1:${port}` })
    expect(await endOf(right, 5_000)).toMatchObject({ code: 'ERR_AETHER_WORKERS_NONE' })
    await guarded.close()
  })

  test('a server that is too old says from which version on the mode works', async () => {
    const old = await listen((socket) => answerAsOldServer(socket, mode === 'pubsub' ? '2.4.10' : '6.0.16'))
    const end = await endOf(make({ url: urlOf(old), connectTimeoutMs: 10_000 }), 5_000)
    if (mode === 'pubsub') {
      expect(end).toMatchObject({ code: expect.stringMatching(/PROTOCOL_VERSION|CONNECT_FAILED/) })
    } else {
      expect(end).toMatchObject({
        code: 'ERR_AETHER_PROTOCOL_VERSION',
        retryable: false,
        message: expect.stringMatching(/6\.2.*6\.0\.16/),
      })
    }
    await new Promise((resolve) => old.close(resolve))
  })
})

async function listen(onConnection: (socket: Socket) => void): Promise<Server> {
  const open = new Set<Socket>()
  const listening = createServer((socket) => {
    open.add(socket)
    socket.on('error', () => undefined)
    socket.on('close', () => open.delete(socket))
    onConnection(socket)
  })
  listening.on('close', () => undefined)
  await new Promise<void>((resolve) => {
    listening.listen(0, '127.0.0.1', resolve)
  })
  const close = listening.close.bind(listening)
  listening.close = (callback) => {
    for (const socket of open) socket.destroy()
    return close(callback)
  }
  return listening
}

function urlOf(listening: Server): string {
  return `redis://127.0.0.1:${(listening.address() as AddressInfo).port}`
}

/** As much of an old Redis as a client meets on its way in: RESP2, `INFO`, and errors for what came later. */
function answerAsOldServer(socket: Socket, version: string): void {
  let buffered = ''
  socket.on('data', (chunk) => {
    buffered += chunk.toString('latin1')
    for (;;) {
      const command = takeCommand(buffered)
      if (command === undefined) return
      buffered = buffered.slice(command.length)
      socket.write(replyTo(command.words, version), 'latin1')
    }
  })
}

function takeCommand(
  text: string,
): { readonly words: readonly string[]; readonly length: number } | undefined {
  const head = /^\*(\d+)\r\n/.exec(text)
  if (head === null) return undefined
  let at = head[0].length
  const words: string[] = []
  for (let left = Number(head[1]); left > 0; left--) {
    const size = /^\$(\d+)\r\n/.exec(text.slice(at))
    if (size === null) return undefined
    at += size[0].length
    if (text.length < at + Number(size[1]) + 2) return undefined
    words.push(text.slice(at, at + Number(size[1])))
    at += Number(size[1]) + 2
  }
  return { words, length: at }
}

function replyTo([name = '', sub = '']: readonly string[], version: string): string {
  const text = (value: string): string => `$${value.length}\r\n${value}\r\n`
  switch (name.toLowerCase()) {
    case 'info':
      return text(`# Server\r\nredis_version:${version}\r\nloading:0\r\nrole:master\r\n`)
    case 'ping':
      return '+PONG\r\n'
    case 'select':
    case 'auth':
      return '+OK\r\n'
    case 'client':
      return sub.toLowerCase() === 'setname' ? '+OK\r\n' : '-ERR unknown subcommand\r\n'
    default:
      return `-ERR unknown command '${name}'\r\n`
  }
}
