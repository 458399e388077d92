import { describe, expect, it } from 'vitest'

import { type ByteProgress, progressMeter } from '../../src/files/progress-meter.ts'

describe('progressMeter', () => {
  it('reports at most once per interval, and never while a report is on its way', async () => {
    let now = 0
    const seen: [ByteProgress, number][] = []
    let accept = (): void => undefined
    const report = (progress: ByteProgress, percent: number): Promise<void> => {
      seen.push([progress, percent])
      return new Promise((resolve) => {
        accept = resolve
      })
    }
    const meter = progressMeter(report, { total: 100, everyMs: 10, now: () => now })
    meter.add(10)
    expect(seen).toEqual([])
    now = 10
    meter.add(10)
    expect(seen).toEqual([[{ bytes: 20, total: 100 }, 20]])
    now = 30
    meter.add(10)
    expect(seen).toHaveLength(1)
    accept()
    await new Promise(setImmediate)
    meter.add(10)
    expect(seen[1]).toEqual([{ bytes: 40, total: 100 }, 40])
  })

  it('goes on after a refused report, and never says more than all', async () => {
    let now = 0
    const seen: [ByteProgress, number][] = []
    const report = async (progress: ByteProgress, percent: number): Promise<void> => {
      seen.push([progress, percent])
      throw new Error('refused')
    }
    const meter = progressMeter(report, { total: 10, everyMs: 1, now: () => now++ * 5 })
    meter.add(5)
    await new Promise(setImmediate)
    meter.add(15)
    expect(seen).toEqual([
      [{ bytes: 5, total: 10 }, 50],
      [{ bytes: 20, total: 20 }, 100],
    ])
  })
})
