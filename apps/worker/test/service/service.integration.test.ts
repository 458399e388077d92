import { createServer } from 'node:net'
import { once } from 'node:events'
import { join } from 'node:path'

import { createBroker } from '@aether/broker'
import { type AetherError, createAether, type Logger } from '@aether/core'
import { until } from '@aether/testing'
import { tcp } from '@aether/transport-tcp'
import { expect, it, onTestFinished } from 'vitest'

import { loadConfig } from '../../src/config/load-config.ts'
import { textStats } from '../../src/index.ts'
import { createService, type Service } from '../../src/service/service.ts'
import { get } from '../child-process.ts'

interface Started {
  readonly service: Service
  readonly started: Promise<string>
  readonly log: string[]
  readonly failures: AetherError[]
  /** Its HTTP address, once it listens. */
  url(): string | undefined
}

/** A service in this process, impatient with each try to connect. */
async function starting(port: number): Promise<Started> {
  const config = await loadConfig({
    env: {
      AETHER_URL: `tcp://127.0.0.1:${String(port)}`,
      AETHER_HANDLERS: 'builtin:text/stats',
      AETHER_HTTP_PORT: '0',
      AETHER_UNION: 'test',
    },
    folder: join(import.meta.dirname),
    fallbackName: 'early',
  })
  const log: string[] = []
  const failures: AetherError[] = []
  let url: string | undefined
  const note = (message: string, fields?: object): void => {
    log.push(message)
    if (message === 'http is up') url = (fields as { readonly url: string }).url
  }
  const logger: Logger = { debug: () => {}, info: note, warn: note, error: note }
  const service = createService({
    config,
    logger,
    createTransport: () => tcp({ url: config.url, connectTimeoutMs: 100 }),
    onFailure: (error) => failures.push(error),
  })
  onTestFinished(() => service.drain())
  return { service, started: service.start(), log, failures, url: () => url }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { readonly port: number }
  server.close()
  await once(server, 'close')
  return port
}

const tryingOn = 'the broker cannot be reached yet: trying on'

it('waits for a broker that is not there yet, red, and takes tasks once it is', async () => {
  const port = await freePort()
  const { service, started, log, failures, url } = await starting(port)
  await until(() => log.filter((message) => message === tryingOn).length >= 2)
  expect(service.status).toBe('starting')
  expect(await get(`${url() ?? ''}/readyz`)).toMatchObject({ status: 503 })
  expect(await get(`${url() ?? ''}/healthz`)).toMatchObject({ status: 503 })
  expect((await get(`${url() ?? ''}/metrics`)).body).toContain('aether_consume_path_healthy 0')

  const broker = createBroker({ port, drainGraceMs: 0 })
  onTestFinished(() => broker.close())
  await broker.start()
  expect(await started).toBe(url())
  expect(await get(`${url() ?? ''}/readyz`)).toMatchObject({ status: 200 })
  const aether = createAether({ union: 'test', transport: tcp({ url: `tcp://127.0.0.1:${String(port)}` }) })
  onTestFinished(() => aether.close({ signal: AbortSignal.abort() }))
  expect(await aether.perform(textStats, { text: 'at last' })).toMatchObject({ words: 2 })
  expect(log.filter((message) => message.includes('lost'))).toEqual([])
  expect(failures).toEqual([])
})

it('can be told to stop while it waits for its broker', async () => {
  const { service, started, log } = await starting(await freePort())
  const ended = started.catch((error: unknown) => error)
  await until(() => log.includes(tryingOn))
  await service.drain()
  expect(await ended).toMatchObject({ code: 'ERR_AETHER_WORKER_SHUTDOWN' })
  expect(service.status).toBe('closed')
})
