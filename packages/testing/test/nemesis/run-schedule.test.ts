import { describe, expect, it } from 'vitest'

import { createSeededRandom, runSchedule } from '../../src/index.ts'
import type { Nemesis, RecordEntry } from '../../src/index.ts'

/** Notes what it does, and with whom. */
function noting(name: string, seen: string[]): Nemesis {
  return {
    name,
    async strike(random) {
      const target = random.pick(['a', 'b', 'c'])
      seen.push(`${name} ${target}`)
      return { target, recover: async () => void seen.push(`${target} recovers`) }
    },
  }
}

async function run(seed: number, minStrikes = 6): Promise<{ seen: string[]; entries: RecordEntry[] }> {
  const seen: string[] = []
  const entries: RecordEntry[] = []
  const strikes = await runSchedule({
    nemeses: [noting('kill', seen), noting('freeze', seen)],
    random: createSeededRandom(seed),
    gapMs: [0, 2],
    holdMs: [0, 2],
    minStrikes,
    signal: AbortSignal.abort(),
    record: (entry) => entries.push(entry),
  })
  expect(strikes).toBe(minStrikes)
  return { seen, entries }
}

describe('runSchedule', () => {
  it('recovers from each fault before the next', async () => {
    const { seen } = await run(1)
    expect(seen).toHaveLength(12)
    for (let index = 0; index < seen.length; index += 2) {
      const target = seen[index]?.split(' ')[1]
      expect(seen[index + 1]).toBe(`${String(target)} recovers`)
    }
  })

  it('strikes the same way for the same seed, and another for another', async () => {
    const first = await run(7)
    expect((await run(7)).seen).toEqual(first.seen)
    expect((await run(8)).seen).not.toEqual(first.seen)
  })

  it('records every fault with its target', async () => {
    const { seen, entries } = await run(3)
    const strikes = seen.filter((line) => !line.endsWith('recovers'))
    expect(entries.map((entry) => (entry.kind === 'fault' ? `${entry.fault} ${entry.target}` : ''))).toEqual(
      strikes,
    )
  })

  it('goes on until its signal aborts', async () => {
    const seen: string[] = []
    const controller = new AbortController()
    const inner = noting('kill', seen)
    const strikes = await runSchedule({
      nemeses: [
        {
          name: 'kill',
          async strike(random) {
            if (seen.length >= 8) controller.abort()
            return await inner.strike(random)
          },
        },
      ],
      random: createSeededRandom(1),
      gapMs: [0, 0],
      holdMs: [0, 0],
      signal: controller.signal,
      record: () => undefined,
    })
    expect(strikes).toBe(5)
    expect(seen.at(-1)).toMatch(/recovers/)
  })

  it('recovers even where waiting is cut short, and passes on what a nemesis throws', async () => {
    const broken: Nemesis = { name: 'kill', strike: () => Promise.reject(new Error('nothing to kill')) }
    const schedule = runSchedule({
      nemeses: [broken],
      random: createSeededRandom(1),
      gapMs: [0, 0],
      holdMs: [0, 0],
      signal: new AbortController().signal,
      record: () => undefined,
    })
    await expect(schedule).rejects.toThrow('nothing to kill')
  })
})
