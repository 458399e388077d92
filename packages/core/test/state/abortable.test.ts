import { expect, test, vi } from 'vitest'

import { abortable } from '../../src/state/abortable.ts'

test('it settles as the promise does, and leaves no listener', async () => {
  const { signal } = new AbortController()
  const remove = vi.spyOn(signal, 'removeEventListener')
  expect(await abortable(Promise.resolve(1), signal)).toBe(1)
  await expect(abortable(Promise.reject(new Error('no')), signal)).rejects.toThrow('no')
  await vi.waitFor(() => expect(remove).toHaveBeenCalledTimes(2))
  expect(await abortable(Promise.resolve(2), undefined)).toBe(2)
})

test('an abort rejects one who waits, at once, and nobody else', async () => {
  let settle!: (value: string) => void
  const shared = new Promise<string>((resolve) => (settle = resolve))
  const stop = new AbortController()
  const given = abortable(shared, stop.signal)
  const other = abortable(shared, new AbortController().signal)
  stop.abort(new Error('enough'))
  await expect(given).rejects.toThrow('enough')
  await expect(abortable(shared, stop.signal)).rejects.toThrow('enough')
  settle('done')
  expect(await other).toBe('done')
})
