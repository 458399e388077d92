import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer as createHttpServer } from 'node:http'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type Aether, AetherError, createAether, defineTask, type ErrorCode } from '@aether/core'
import { type Certificates, makeCertificates, type MosquittoServer, startMosquitto } from '@aether/services'
import { until } from '@aether/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { mqtt, type MqttCapabilities, type MqttOptions, type MqttTlsOptions } from '../src/index.ts'
import { openings } from './support/openings.ts'
import { recordingLogger } from './support/recording-logger.ts'
import { startVersionGate } from './support/version-gate.ts'

let folder: string
let certificates: Certificates
let strangers: Certificates
let server: MosquittoServer
let trusted: MqttTlsOptions
const urls = { plain: '', tls: '', clientAuth: '', ws: '', wss: '' }

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'aether-tls-'))
  certificates = await makeCertificates(join(folder, 'own'))
  strangers = await makeCertificates(join(folder, 'strange'))
  const tls = { ...certificates.server, ca: certificates.ca }
  server = await startMosquitto({
    listeners: [
      {},
      { tls },
      { tls: { ...tls, clientAuth: true } },
      { websocket: true },
      { websocket: true, tls },
    ],
  })
  const [plain, secure, clientAuth, ws, wss] = server.listeners.map(({ url }) => url) as [
    string,
    string,
    string,
    string,
    string,
  ]
  Object.assign(urls, { plain, tls: secure, clientAuth, ws, wss })
  trusted = { ca: await readFile(certificates.ca, 'utf8') }
})
afterAll(async () => {
  await server.close()
  await rm(folder, { recursive: true })
})

const opened = openings()
const echo = defineTask({ job: 'text', task: 'echo' })
const quick = { attemptTimeoutMs: 2_000, connectTimeoutMs: 3_000 }

function application(
  options: MqttOptions,
  given: Partial<Parameters<typeof createAether>[0]> = {},
): Aether<MqttCapabilities> {
  return opened(
    createAether({ union: 'tls', ...given, transport: mqtt({ ...quick, ...options }) }),
  ) as Aether<MqttCapabilities>
}

/** A task makes its round over connections of this kind. */
async function expectRound(options: MqttOptions): Promise<void> {
  const worker = application(options).worker()
  worker.handle(echo, (input) => input)
  await worker.start()
  expect(await application(options).perform(echo, 'größe')).toBe('größe')
}

/** `start` fails, soon, with this error; its text helps and keeps secrets. */
async function expectRefused(options: MqttOptions, code: ErrorCode, text: RegExp): Promise<AetherError> {
  const transport = mqtt({ ...quick, connectTimeoutMs: 1_500, ...options })
  const silent = (): void => undefined
  const logger = { debug: silent, info: silent, warn: silent, error: silent }
  const host = { union: 'tls', client: 'c', host: 'h', onEvent: silent, logger }
  const startedAt = performance.now()
  const error = await transport.start(host).then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(AetherError)
  expect(error).toMatchObject({ code, message: expect.stringMatching(text) })
  expect(String(error)).not.toContain('s3cret')
  expect(performance.now() - startedAt).toBeLessThan(5_000)
  expect(transport.state).toMatchObject({ status: 'failed', error: { code } })
  await transport.close()
  return error as AetherError
}

async function pair(pair: Certificates['client']): Promise<MqttTlsOptions> {
  return { cert: await readFile(pair.cert), key: await readFile(pair.key) }
}

describe('encrypted connections', () => {
  it('carry tasks over TLS, with an authority of our own', () => expectRound({ url: urls.tls, tls: trusted }))

  it('carry tasks over WebSockets, plain and with TLS', async () => {
    await expectRound({ url: urls.ws })
    await expectRound({ url: urls.wss, tls: trusted })
  })

  it('carry tasks for whoever shows a certificate, where the broker asks for one', async () => {
    await expectRound({ url: urls.clientAuth, tls: { ...trusted, ...(await pair(certificates.client)) } })
  })

  it('are refused without a certificate, where the broker asks for one', async () => {
    await expectRefused(
      { url: urls.clientAuth, tls: trusted },
      'ERR_AETHER_CONNECT_FAILED',
      /certificate|TLS/i,
    )
  })

  it('are refused with a certificate of another authority', async () => {
    const tls = { ...trusted, ...(await pair(strangers.client)) }
    await expectRefused({ url: urls.clientAuth, tls }, 'ERR_AETHER_CONNECT_FAILED', /certificate|TLS/i)
  })

  it.each(['tls', 'wss'] as const)(
    'refuse a broker of an authority that we do not know (%s)',
    async (kind) => {
      await expectRefused({ url: urls[kind] }, 'ERR_AETHER_CONNECT_FAILED', /TLS handshake.*tls\.ca/s)
      const other = { ca: await readFile(strangers.ca) }
      await expectRefused(
        { url: urls[kind], tls: other },
        'ERR_AETHER_CONNECT_FAILED',
        /TLS handshake.*tls\.ca/s,
      )
    },
  )

  it('refuse a broker of another name', async () => {
    const tls = { ...trusted, servername: 'elsewhere.example' }
    await expectRefused({ url: urls.tls, tls }, 'ERR_AETHER_CONNECT_FAILED', /TLS|name|altnames/i)
    await expectRound({ url: urls.tls, tls: { ...tls, rejectUnauthorized: false } })
  })

  it('refuse a key that does not fit its certificate', async () => {
    const { cert } = await pair(certificates.client)
    const { key } = await pair(strangers.client)
    const tls = { ...trusted, ...(cert && { cert }), ...(key && { key }) }
    await expectRefused({ url: urls.clientAuth, tls }, 'ERR_AETHER_CONNECT_FAILED', /key/i)
  })

  it('refuse what is no PEM', async () => {
    await expectRefused(
      { url: urls.tls, tls: { ca: 'no certificate' } },
      'ERR_AETHER_CONNECT_FAILED',
      /TLS|PEM|certificate/i,
    )
  })
})

describe('a URL that does not fit its port', () => {
  it('says so: TLS to a plain listener', async () => {
    const url = urls.plain.replace('mqtt:', 'mqtts:')
    await expectRefused(
      { url, tls: trusted },
      'ERR_AETHER_CONNECT_FAILED',
      /does this port speak MQTT over TLS\?/,
    )
  })

  it('says so: plain MQTT to a TLS listener', async () => {
    await expectRefused(
      { url: urls.tls.replace('mqtts:', 'mqtt:') },
      'ERR_AETHER_CONNECT_FAILED',
      /does this port speak MQTT without TLS\?/,
    )
  })

  it('says so: WebSocket to a listener of MQTT, and MQTT to one of WebSockets', async () => {
    await expectRefused(
      { url: urls.plain.replace('mqtt:', 'ws:') },
      'ERR_AETHER_CONNECT_FAILED',
      /port speak MQTT over WebSocket/,
    )
    await expectRefused(
      { url: urls.ws.replace('ws:', 'mqtt:') },
      'ERR_AETHER_CONNECT_FAILED',
      /port speak MQTT/,
    )
  })

  it('says so: a web server, by MQTT and by WebSocket', async () => {
    const web = createHttpServer((_request, response) => response.writeHead(404).end())
    web.listen(0, '127.0.0.1')
    await once(web, 'listening')
    const { port } = web.address() as AddressInfo
    try {
      await expectRefused({ url: `mqtt://127.0.0.1:${port}` }, 'ERR_AETHER_CONNECT_FAILED', /port speak MQTT/)
      await expectRefused(
        { url: `ws://127.0.0.1:${port}/mqtt` },
        'ERR_AETHER_CONNECT_FAILED',
        /404|port speak MQTT over WebSocket/,
      )
    } finally {
      web.closeAllConnections()
      web.close()
    }
  })

  it('says so: a port that nobody listens on, a name that nobody has, a server that never speaks', async () => {
    await expectRefused({ url: 'mqtt://127.0.0.1:1' }, 'ERR_AETHER_CONNECT_FAILED', /ECONNREFUSED/)
    await expectRefused(
      { url: 'mqtt://no-such-host.invalid:1883' },
      'ERR_AETHER_CONNECT_FAILED',
      /no-such-host\.invalid/,
    )
    const mute = createServer((socket) => void socket.on('error', () => undefined).resume())
    mute.listen(0, '127.0.0.1')
    await once(mute, 'listening')
    const { port } = mute.address() as AddressInfo
    try {
      const options = { url: `mqtt://127.0.0.1:${port}`, attemptTimeoutMs: 300, connectTimeoutMs: 1_000 }
      await expectRefused(options, 'ERR_AETHER_CONNECT_TIMEOUT', /CONNECT|connection/)
    } finally {
      mute.close()
    }
  })
})

describe('credentials', () => {
  let guarded: MosquittoServer
  beforeAll(async () => {
    guarded = await startMosquitto({
      users: { alice: 's3cret:/@', bob: 'other' },
      listeners: [{}, { websocket: true }],
    })
  })
  afterAll(() => guarded.close())

  it('let in who has them, as options or in the URL', async () => {
    await expectRound({ url: guarded.url, username: 'alice', password: 's3cret:/@' })
    await expectRound({ url: guarded.url.replace('//', `//alice:${encodeURIComponent('s3cret:/@')}@`) })
    const ws = guarded.listeners[1]?.url ?? ''
    await expectRound({ url: ws, username: 'bob', password: 'other' })
    await expectRound({ url: guarded.url, username: 'alice', password: 's3cret:/@', protocolVersion: 4 })
  })

  it.each([
    ['none', {}],
    ['a wrong password', { username: 'alice', password: 's3cret' }],
    ['an unknown user', { username: 'carol', password: 's3cret' }],
    ['a wrong password over 3.1.1', { username: 'alice', password: 's3cret', protocolVersion: 4 }],
  ] as const)('keep out who has %s, at once', async (_what, options) => {
    const startedAt = performance.now()
    const error = await expectRefused(
      { url: guarded.url, ...options },
      'ERR_AETHER_TOKEN_REFUSED',
      /user name|authori[sz]ed/i,
    )
    expect(error.retryable).toBe(false)
    expect(performance.now() - startedAt).toBeLessThan(1_500)
  })

  it('that a broker takes back are told, and needed again only when it does', async () => {
    const passwordFile = join(folder, 'changing')
    const grant = (password: string): Promise<unknown> =>
      promisify(execFile)('mosquitto_passwd', ['-b', '-c', passwordFile, 'alice', password])
    await grant('right')
    const changing = opened(await startMosquitto({ passwordFile }))
    const login = { url: changing.url, username: 'alice', password: 'right', connectTimeoutMs: 800 }
    const worker = application(login).worker()
    worker.handle(echo, (input) => input)
    await worker.start()
    const logger = recordingLogger()
    const transport = mqtt({ ...quick, ...login, backoff: { maxMs: 100 } })
    const caller = opened(createAether({ union: 'tls', transport, logger }))
    expect(await caller.perform(echo, 1)).toBe(1)
    await grant('another')
    await changing.restart()
    const refused = (): boolean =>
      transport.state.status === 'reconnecting' && transport.state.error.code === 'ERR_AETHER_TOKEN_REFUSED'
    await until(refused, { what: () => JSON.stringify(transport.state) })
    expect(logger.warnings().filter(({ message }) => /lost/.test(message))).toHaveLength(1)
    expect(await caller.perform(echo, 2).settle()).toMatchObject({
      status: 'failed',
      error: {
        code: 'ERR_AETHER_CONNECT_TIMEOUT',
        message: expect.stringMatching(/user name|authori[sz]ed/),
      },
    })
    await grant('right')
    await changing.restart()
    expect(await caller.perform(echo, 3, { waitForWorkers: true })).toBe(3)
  })
})

describe('MQTT 3.1.1', () => {
  it('is what is spoken where the broker refuses MQTT 5, and the log says once what is lost', async () => {
    const gate = opened(await startVersionGate(server.port))
    const logger = recordingLogger()
    const caller = application({ url: gate.url }, { logger })
    const worker = application({ url: gate.url }).worker()
    worker.handle(echo, (input) => input)
    await worker.start()
    expect(await caller.perform(echo, { n: 1 })).toEqual({ n: 1 })
    expect(new Set(gate.versions)).toEqual(new Set([5, 4]))
    const lines = logger.lines.filter(({ message }) => message.includes('3.1.1'))
    expect(lines).toHaveLength(1)
    expect(lines[0]?.message).toMatch(/expir|nobody|WORKERS_NONE|subscriber/i)
  })

  it('is said at once where it was asked for', async () => {
    const gate = opened(await startVersionGate(server.port))
    await expectRound({ url: gate.url, protocolVersion: 4 })
    expect(new Set(gate.versions)).toEqual(new Set([4]))
  })

  it('is not spoken where only MQTT 5 was asked for', async () => {
    const gate = opened(await startVersionGate(server.port))
    await expectRefused({ url: gate.url, protocolVersion: 5 }, 'ERR_AETHER_PROTOCOL_VERSION', /version/)
  })

  it('learns from the workers that none of them works on a task; of peers without Aether it cannot know', async () => {
    for (const options of [{ url: urls.plain }, { url: urls.plain, protocolVersion: 4 }] as const) {
      expect(await application(options).perform(echo, 1).settle()).toMatchObject({
        status: 'failed',
        error: { code: 'ERR_AETHER_WORKERS_NONE' },
      })
    }
    const perhaps = application({ url: urls.plain, protocolVersion: 4, interop: 'aethermagic' })
    expect(await perhaps.perform(echo, 1, { deadlineMs: 700 }).settle()).toMatchObject({ status: 'expired' })
  })
})
