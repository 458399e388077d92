import { until } from '@aether/testing'
import { describe, expect, it, onTestFinished } from 'vitest'

import { type WorkerPool, workerPool } from '../src/worker-pool.ts'

interface Made {
  readonly pool: WorkerPool
  readonly failures: Error[]
}

const saysReady = `console.log(JSON.stringify({ level: 30, msg: 'ready', name: process.env.NAME }));`
const staysUntilTold = `setInterval(() => {}, 1000); process.once('SIGTERM', () => process.exit(0));`

function made(script: string, names: readonly string[] = ['one']): Made {
  const failures: Error[] = []
  const pool = workerPool({
    names,
    command: [process.execPath, '-e', script],
    env: (name) => ({ ...process.env, NAME: name }),
    maxRestarts: 2,
    onFailure: (error) => void failures.push(error),
  })
  onTestFinished(() => pool.stop(0))
  return { pool, failures }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

describe('workerPool', () => {
  it('starts, kills and restarts one, and stops all without a word of complaint', async () => {
    const { pool, failures } = made(saysReady + staysUntilTold, ['one', 'two'])
    await pool.start()
    const { pid, restartedAs = 0 } = await pool.killAndRestart('two')
    expect(isAlive(pid)).toBe(false)
    expect(isAlive(restartedAs)).toBe(true)
    await pool.stop(5_000)
    expect(isAlive(restartedAs)).toBe(false)
    expect(failures).toEqual([])
  })

  it('restarts a worker that ends by itself, and gives up when it keeps ending, saying why', async () => {
    const { pool, failures } = made(
      `${saysReady} console.log(JSON.stringify({ level: 50, msg: 'no luck' })); process.exitCode = 3`,
    )
    await pool.start()
    await until(() => failures.length > 0)
    expect(failures).toHaveLength(1)
    expect(failures[0]?.message).toBe('one keeps ending (exit code 3: no luck)')
  })

  it('tells why a worker does not become ready', async () => {
    const { pool } = made(`throw new Error('no database')`)
    await expect(pool.start()).rejects.toThrow(/one ended before it was ready: exit code 1/)
    const logged = made(
      `console.log(JSON.stringify({ level: 50, msg: 'cannot start', error: { message: 'bad url' } })); process.exitCode = 1`,
    )
    await expect(logged.pool.start()).rejects.toThrow(
      'one ended before it was ready: exit code 1: cannot start: bad url',
    )
    const missing = workerPool({
      names: ['one'],
      command: ['/nowhere/node'],
      env: () => ({}),
      onFailure: () => undefined,
    })
    await expect(missing.start()).rejects.toThrow(/ENOENT/)
    await missing.stop(0)
  })

  it('kills what does not stop within the grace', async () => {
    const { pool } = made(`process.on('SIGTERM', () => {}); setInterval(() => {}, 1000); ${saysReady}`)
    await pool.start()
    await pool.stop(50)
  })
})
