import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { connect, createBroker } from '@aether/broker'
import { expect, test } from 'vitest'
import { brokers } from './running-broker.ts'

const { start, raw } = brokers()

test('the constructor does nothing: no address, no port taken', async () => {
  const broker = createBroker({ port: 0 })
  expect(broker.state).toEqual({ status: 'idle' })
  expect(() => broker.address).toThrow(expect.objectContaining({ code: 'ERR_AETHER_TRANSPORT_CLOSED' }))
  expect(() => broker.url).toThrow(expect.objectContaining({ code: 'ERR_AETHER_TRANSPORT_CLOSED' }))
  await broker.close()
  expect(broker.state).toEqual({ status: 'closed' })
})

test('start takes a free port and says which; starting twice is starting once', async () => {
  const broker = createBroker({ port: 0 })
  await Promise.all([broker.start(), broker.start()])
  expect(broker.state).toEqual({ status: 'ready' })
  expect(broker.address.port).toBeGreaterThan(0)
  expect(broker.url).toBe(`aether://127.0.0.1:${broker.address.port}`)
  await broker.close()
})

test('a port in use', async () => {
  const first = await start()
  const second = createBroker({ port: first.address.port })
  await expect(second.start()).rejects.toMatchObject({ code: 'ERR_AETHER_PORT_IN_USE' })
  expect(second.state).toMatchObject({ status: 'failed', error: { code: 'ERR_AETHER_PORT_IN_USE' } })
  await second.close()
})

test('an address that is not this machine’s', async () => {
  const broker = createBroker({ host: '203.0.113.1', port: 0 })
  await expect(broker.start()).rejects.toMatchObject({ code: 'ERR_AETHER_CONNECT_FAILED' })
  await broker.close()
})

test('close is idempotent, ends every client, and a closed broker does not start', async () => {
  const broker = await start()
  const clients = await Promise.all([raw(broker), raw(broker)])
  const { port } = broker.address
  await Promise.all([broker.close(), broker.close(), broker.drain()])
  await Promise.all(clients.map((client) => client.closed()))
  expect(broker.stats().connections).toBe(0)
  await expect(broker.start()).rejects.toMatchObject({ code: 'ERR_AETHER_TRANSPORT_CLOSED' })
  const again = createBroker({ port })
  await again.start()
  await again.close()
})

test('a client that does not read its last words does not hold the broker up', async () => {
  const broker = await start()
  const client = await raw(broker)
  client.socket.pause()
  const begun = performance.now()
  await broker.close()
  expect(performance.now() - begun).toBeLessThan(10_000)
})

test('await using closes', async () => {
  let kept: ReturnType<typeof createBroker> | undefined
  {
    await using broker = createBroker({ port: 0 })
    await broker.start()
    kept = broker
  }
  expect(kept.state.status).toBe('closed')
})

test('after close nothing keeps the process alive', async () => {
  const script = fileURLToPath(new URL('fixtures/closing-process.ts', import.meta.url))
  const child = spawn(process.execPath, ['--conditions=@aether/source', '--import', 'tsx', script])
  let output = ''
  child.stdout.on('data', (chunk) => {
    output += String(chunk)
  })
  const [code] = (await once(child, 'exit')) as [number]
  expect(output).toBe('closed []\n')
  expect(code).toBe(0)
})

test('connect comes with it, for those who want only a broker', async () => {
  const broker = await start()
  await using client = await connect(broker.url)
  const news = await client.subscribe('news/#')
  client.publish('news/today', Buffer.from('hello'))
  for await (const message of news) {
    expect([message.topic, message.text()]).toEqual(['news/today', 'hello'])
    break
  }
})
