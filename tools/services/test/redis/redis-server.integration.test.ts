import { mkdtemp, rm } from 'node:fs/promises'
import { networkInterfaces, tmpdir } from 'node:os'
import { connect } from 'node:net'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { makeCertificates, type RedisServer, startRedis } from '../../src/index.ts'

it('keeps nothing by default, and each answered write with aof', async () => {
  await using forgetful = await startRedis()
  await using durable = await startRedis({ persistence: 'aof' })
  for (const server of [forgetful, durable]) {
    await server.cli('set', 'key', 'value')
    await server.kill()
    await server.restart()
  }
  expect(await forgetful.cli('get', 'key')).toBe('')
  expect(await durable.cli('get', 'key')).toBe('value')
  expect(await durable.cli('config', 'get', 'appendfsync')).toBe('appendfsync\nalways')
})

it('answers nothing while frozen, and what was asked once it goes on', async () => {
  await using server = await startRedis()
  server.freeze()
  let answered = false
  const answer = server.cli('ping').finally(() => (answered = true))
  await new Promise((resolve) => setTimeout(resolve, 100))
  expect(answered).toBe(false)
  server.thaw()
  expect(await answer).toBe('PONG')
})

it('takes directives and arguments, and shows what Redis says of wrong ones', async () => {
  await using server = await startRedis({ config: { maxmemory: '5mb' }, args: ['--databases', '3'] })
  expect(await server.cli('config', 'get', 'maxmemory')).toContain('5242880')
  expect(await server.cli('config', 'get', 'databases')).toContain('3')
  await expect(startRedis({ config: { 'no-such-directive': 1 } })).rejects.toThrow(/no-such-directive/)
})

it('listens on the loopback interface alone', async () => {
  await using server = await startRedis()
  const outer = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .filter((address) => !address.internal && address.family === 'IPv4')
  for (const { address } of outer) await expect(knock(server.port, address)).rejects.toThrow('ECONNREFUSED')
  await knock(server.port, '127.0.0.1')
})

it('speaks TLS alone, with client certificates where asked for', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'aether-tls-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const { ca, server: pair } = await makeCertificates(folder)
  await using server = await startRedis({ tls: { ...pair, ca, clientAuth: true } })
  expect(server.url).toBe(`rediss://127.0.0.1:${server.port}`)
  expect(await server.cli('ping')).toBe('PONG')
  await expect(plainPing(server)).rejects.toThrow(/closed|ECONNRESET/)
})

function knock(port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, host, () => {
      socket.destroy()
      resolve()
    })
    socket.once('error', reject)
  })
}

function plainPing(server: RedisServer): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(server.port, '127.0.0.1', () => socket.write('PING\r\n'))
    socket.once('data', (data) => resolve(data.toString()))
    socket.once('close', () => reject(new Error('closed')))
    socket.once('error', reject)
  })
}
