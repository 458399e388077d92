import type * as childProcess from 'node:child_process'
import { EventEmitter } from 'node:events'
import { execPath, kill } from 'node:process'
import { expect, it, vi } from 'vitest'
import { ManagedProcess } from '../../src/scaling/managed-process.ts'

const noGuard = vi.hoisted(() => ({ spawn: (): unknown => undefined }))

vi.mock('node:child_process', async (load) => {
  const real = await load<typeof childProcess>()
  const spawn = (command: string, ...rest: [never]): unknown =>
    command === '/bin/sh' ? noGuard.spawn() : real.spawn(command, ...rest)
  return { ...real, spawn }
})

it.each([
  [
    'the system has no more of what they need',
    () => {
      // What comes then has no streams: none could be made.
      const failed = new EventEmitter()
      setImmediate(() => failed.emit('error', new Error('spawn EMFILE')))
      return Object.assign(failed, { stdin: undefined, unref: () => {} })
    },
  ],
  [
    'starting one throws',
    () => {
      throw new Error('spawn ENOMEM')
    },
  ],
])('a process runs without a guard where %s, and is stopped as any other', async (_, spawn) => {
  noGuard.spawn = spawn
  const child = new ManagedProcess(1, {
    command: execPath,
    args: ['-e', 'setInterval(() => {}, 1_000)'],
    env: undefined,
    cwd: undefined,
    ready: () => true,
    startTimeoutMs: 10_000,
    stopTimeoutMs: 10_000,
  })
  await child.untilReady(new AbortController().signal)
  await child.stop()
  expect(() => kill(child.pid!, 0)).toThrow('ESRCH')
})
