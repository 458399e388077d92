import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { promisify } from 'node:util'
import { expect, it, onTestFinished } from 'vitest'
import { makeCertificates, pythonPath, startMosquitto } from '../../src/index.ts'

interface Login {
  readonly user: string
  readonly password: string
}

it('lets everyone in by default, and only its users where there are some', async () => {
  await using open = await startMosquitto()
  await using guarded = await startMosquitto({ users: { ann: 'secret' } })
  expect(open.url).toBe(`mqtt://127.0.0.1:${open.port}`)
  expect(await connack(connect(open.port, '127.0.0.1'))).toBe(0)
  const attempt = (login?: Login): Promise<number> => connack(connect(guarded.port, '127.0.0.1'), login)
  expect(await attempt({ user: 'ann', password: 'secret' })).toBe(0)
  expect(await attempt({ user: 'ann', password: 'wrong' })).toBe(5)
  expect(await attempt()).toBe(5)
})

it('has listeners for TLS and WebSocket beside the plain one', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'aether-tls-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const { ca, server, client } = await makeCertificates(folder)
  await using mosquitto = await startMosquitto({
    listeners: [
      {},
      { tls: { ...server, ca, clientAuth: true } },
      { websocket: true },
      { websocket: true, tls: { ...server, ca } },
    ],
  })
  expect(mosquitto.listeners.map(({ url, port }) => url.replace(String(port), ''))).toEqual([
    'mqtt://127.0.0.1:',
    'mqtts://127.0.0.1:',
    'ws://127.0.0.1:',
    'wss://127.0.0.1:',
  ])
  const [plain = 0, secure = 0, web = 0, secureWeb = 0] = mosquitto.listeners.map(({ port }) => port)
  const trust = { host: '127.0.0.1', ca: readFileSync(ca) }
  const identity = { cert: readFileSync(client.cert), key: readFileSync(client.key) }
  expect(await connack(connect(plain, '127.0.0.1'))).toBe(0)
  expect(await connack(connectTls({ ...trust, ...identity, port: secure }))).toBe(0)
  await expect(connack(connectTls({ ...trust, port: secure }))).rejects.toThrow(/closed|certificate/)
  expect(await upgrade(connect(web, '127.0.0.1'))).toContain('101')
  expect(await upgrade(connectTls({ ...trust, port: secureWeb }))).toContain('101')
})

it('keeps its persistence in its folder over a restart', async () => {
  await using mosquitto = await startMosquitto({ config: 'persistence true' })
  await mosquitto.restart()
  expect(existsSync(join(mosquitto.folder, 'mosquitto.db'))).toBe(true)
  expect(await connack(connect(mosquitto.port, '127.0.0.1'))).toBe(0)
})

it('shows what Mosquitto says of a wrong configuration', async () => {
  await expect(startMosquitto({ config: 'no_such_option 1' })).rejects.toThrow(/no_such_option/)
})

it('finds a Python that can import paho, whatever the PATH has', async () => {
  const python = await pythonPath(['paho.mqtt.client'])
  const { stdout } = await promisify(execFile)(python, [
    '-c',
    'import paho.mqtt.client as c; print(c.MQTTv5)',
  ])
  expect(stdout.trim()).toBe('5')
  await expect(pythonPath(['no_such_module_of_anyone'])).rejects.toThrow('is not known here')
})

/** Speaks just enough of MQTT 3.1.1 to learn whether the broker lets it in: the return code of its CONNACK. */
function connack(socket: Socket, login?: Login): Promise<number> {
  const text = (value: string): Buffer => Buffer.concat([Buffer.from([0, value.length]), Buffer.from(value)])
  const fields = [
    text('MQTT'),
    Buffer.from([4, login === undefined ? 2 : 0xc2, 0, 30]),
    text('try'),
    ...(login === undefined ? [] : [text(login.user), text(login.password)]),
  ]
  const body = Buffer.concat(fields)
  return firstAnswer(socket, Buffer.concat([Buffer.from([0x10, body.length]), body])).then((answer) => {
    expect(answer[0]).toBe(0x20)
    return answer[3] as number
  })
}

async function upgrade(socket: Socket): Promise<string> {
  const head = ['GET /mqtt HTTP/1.1', 'Host: localhost', 'Upgrade: websocket', 'Connection: Upgrade']
  const key = [
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Protocol: mqtt',
  ]
  const answer = await firstAnswer(socket, Buffer.from([...head, ...key, '', ''].join('\r\n')))
  return answer.toString('latin1').split('\r\n', 1)[0] as string
}

function firstAnswer(socket: Socket, question: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    socket.once('data', (data) => {
      resolve(data)
      socket.destroy()
    })
    socket.once('error', reject)
    socket.once('close', () => reject(new Error('closed without an answer')))
    socket.write(question)
  })
}
