import { expect, it, vi } from 'vitest'
import { startRedisCluster } from '../../src/index.ts'
import { isAlive } from '../is-alive.ts'

it('is a cluster whose nodes share all slots, and a restarted node is the same node', async () => {
  await using cluster = await startRedisCluster()
  expect(cluster.urls).toHaveLength(3)
  const [first] = cluster.nodes
  if (first === undefined) expect.fail('no node')
  expect(await first.cli('cluster', 'info')).toContain('cluster_slots_ok:16384')
  expect(await first.cli('-c', 'set', 'some', 'value')).toBe('OK')
  const id = await first.cli('cluster', 'myid')
  await first.kill()
  await first.restart()
  expect(await first.cli('cluster', 'myid')).toBe(id)
})

it('has replicas, one of which takes over from a killed master', async () => {
  const cluster = await startRedisCluster({ replicas: 1, nodeTimeoutMs: 500 })
  const pids = cluster.nodes.map((node) => node.pid)
  try {
    expect([cluster.masters.length, cluster.replicas.length]).toEqual([3, 3])
    const [master] = cluster.masters
    const [replica] = cluster.replicas
    if (master === undefined || replica === undefined) expect.fail('no pair')
    expect(await replica.cli('info', 'replication')).toContain(`master_port:${master.port}`)
    await master.kill()
    await vi.waitUntil(async () => (await replica.cli('role')).startsWith('master'), { timeout: 15_000 })
  } finally {
    await cluster.close()
  }
  expect(pids.filter(isAlive)).toEqual([])
})
