import { expect, it, vi } from 'vitest'
import { startRedisSentinel } from '../../src/index.ts'

it('makes the replica master when the master is killed', async () => {
  await using set = await startRedisSentinel()
  const named = (): Promise<string> => set.sentinel.cli('sentinel', 'get-master-addr-by-name', set.name)
  expect(await named()).toBe(`127.0.0.1\n${set.master.port}`)
  await set.master.cli('set', 'key', 'value')
  await vi.waitUntil(async () => (await set.replica.cli('get', 'key')) === 'value')
  await set.master.kill()
  await vi.waitUntil(async () => (await named()) === `127.0.0.1\n${set.replica.port}`, { timeout: 15_000 })
  await vi.waitUntil(async () => (await set.replica.cli('role')).startsWith('master'), { timeout: 15_000 })
  expect(await set.replica.cli('get', 'key')).toBe('value')
})
