import { once } from 'node:events'
import { createServer } from 'node:net'
import { expect, it } from 'vitest'
import { reservePort } from '../../src/scaling/reserve-port.ts'

const host = '127.0.0.1'
const all = Array.from({ length: 12_000 }, (_, index) => 20_000 + index)

it('gives each port once, and none that the system gives away', async () => {
  const taken = new Set<number>()
  const ports = await Promise.all(Array.from({ length: 20 }, () => reservePort(host, taken)))
  expect(taken).toEqual(new Set(ports))
  expect(taken.size).toBe(20)
  expect(Math.min(...ports)).toBeGreaterThanOrEqual(20_000)
  expect(Math.max(...ports)).toBeLessThan(32_000)
})

it('finds the last one that is free, and says so where there is none', async () => {
  const last = await reservePort(host, new Set())
  const taken = new Set(all.filter((port) => port !== last))
  expect(await reservePort(host, taken)).toBe(last)
  taken.delete(last)
  const server = createServer().listen(last, host)
  await once(server, 'listening')
  await expect(reservePort(host, taken)).rejects.toMatchObject({
    code: 'ERR_AETHER_BACKENDS_NONE',
    message: 'no port of 127.0.0.1 from 20000 to 31999 is free',
  })
  expect(taken.has(last)).toBe(false)
  server.close()
})

it('says why nobody can listen at a host, and tries no other port there', async () => {
  const taken = new Set<number>()
  await expect(reservePort('192.0.2.1', taken)).rejects.toMatchObject({
    code: 'ERR_AETHER_BACKENDS_NONE',
    message: expect.stringMatching(/^no process can listen at 192\.0\.2\.1: .*EADDRNOTAVAIL/) as string,
    cause: { code: 'EADDRNOTAVAIL' },
  })
  expect(taken).toEqual(new Set())
})
