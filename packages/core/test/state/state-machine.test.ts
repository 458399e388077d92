import { expect, test } from 'vitest'

import { createStateMachine } from '../../src/state/state-machine.ts'

test('each observer sees each change, and the end', async () => {
  const machine = createStateMachine()
  const follow = async (): Promise<string[]> => {
    const seen: string[] = []
    for await (const { status } of machine.changes()) seen.push(status)
    return seen
  }
  const followers = [follow(), follow()]
  machine.set({ status: 'starting' })
  machine.set({ status: 'ready', generation: 1 })
  machine.set({ status: 'closed' })
  for (const follower of followers) expect(await follower).toEqual(['starting', 'ready', 'closed'])
  for await (const state of machine.changes()) throw new Error(`a change after the end: ${state.status}`)
})

test('return ends a pending next, an abort rejects it with its reason, and what is behind is bounded', async () => {
  const machine = createStateMachine()
  const iterator = machine.changes()[Symbol.asyncIterator]()
  const pending = iterator.next()
  await iterator.return?.()
  expect(await pending).toEqual({ done: true, value: undefined })
  const controller = new AbortController()
  const aborted = machine.changes({ signal: controller.signal })[Symbol.asyncIterator]().next()
  const reason = new Error('no longer wanted')
  controller.abort(reason)
  await expect(aborted).rejects.toBe(reason)
  const slow = machine.changes()[Symbol.asyncIterator]()
  const first = slow.next()
  for (let generation = 0; generation < 200; generation++) machine.set({ status: 'ready', generation })
  machine.set({ status: 'closed' })
  await first
  let count = 0
  for (let next = await slow.next(); next.done !== true; next = await slow.next()) count++
  expect(count).toBeLessThanOrEqual(64)
})
