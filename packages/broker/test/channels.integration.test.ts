import { randomUUID } from 'node:crypto'
import { createConsumer, createProvider } from '@aether/wire'
import { expect, test } from 'vitest'
import { brokers, until } from './running-broker.ts'

const { start, client } = brokers()
const bytes = (text: string): Uint8Array => Buffer.from(text)

test('consumers of a channel are answered by its providers, who share its requests; channels do not meet', async () => {
  const broker = await start()
  const [here, there] = [randomUUID(), randomUUID()]
  const served = new Map<string, number>()
  for (const name of ['one', 'two']) {
    await createProvider(await client(broker), here, async (request) => {
      served.set(name, (served.get(name) ?? 0) + 1)
      await new Promise((resolve) => setImmediate(resolve))
      return { payload: bytes(`here ${request.text()}`), headers: { by: name } }
    })
  }
  await createProvider(await client(broker), there, (request) => bytes(`there ${request.text()}`))
  const session = await client(broker)
  const [consumer, upper, other] = [here, here.toUpperCase(), there].map((id) => createConsumer(session, id))
  const replies = await Promise.all(Array.from({ length: 100 }, (_, n) => consumer!.send(bytes(`${n}`))))
  expect(replies.map((reply) => reply.text())).toEqual(Array.from({ length: 100 }, (_, n) => `here ${n}`))
  expect(served.get('one')).toBeGreaterThan(10)
  expect(served.get('two')).toBeGreaterThan(10)
  expect((await upper!.send(bytes('x'))).text()).toBe('here x')
  expect((await other!.send(bytes('x'))).text()).toBe('there x')
})

test('a channel whose provider closes, is lost or is silent tells its consumer which', async () => {
  const broker = await start()
  const channel = randomUUID()
  const consumer = createConsumer(await client(broker), channel)
  const send = (): Promise<unknown> => consumer.send(bytes('x'), { timeoutMs: 50 })
  await expect(send()).rejects.toMatchObject({ code: 'ERR_AETHER_RESPONDERS_NONE' })

  const session = await client(broker)
  const silent = (): Promise<Uint8Array> => new Promise(() => {})
  const provider = await createProvider(session, channel, silent)
  await expect(send()).rejects.toMatchObject({ code: 'ERR_AETHER_REQUEST_TIMEOUT' })
  await provider.close()
  await expect(send()).rejects.toMatchObject({ code: 'ERR_AETHER_RESPONDERS_NONE' })

  await createProvider(session, channel, silent)
  const lost = consumer.send(bytes('x'), { timeoutMs: 10_000 })
  const outcome: Promise<unknown> = lost.catch((error: unknown) => error)
  await until(() => broker.stats().requestsPending > 0)
  await session.close({ signal: AbortSignal.abort() })
  expect(await outcome).toMatchObject({ code: 'ERR_AETHER_TRANSPORT_LOST' })
})
