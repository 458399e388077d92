import { describe, expect, test } from 'vitest'

import { party, taskOf } from '../support/lease-party.ts'

describe('a task that kills its worker at once', () => {
  /** Workers one after the other, each killed in the very turn in which it begins a task. */
  async function poisoned({ lossy = false } = {}) {
    const made = party({ resendMs: 1_000, resendMaxMs: 4_000 })
    const { clock, hub, member } = made
    let count = 0
    if (lossy) hub.fate = ({ kind }) => (kind === 'event' || count++ % 3 > 0 ? [1] : [])
    const caller = await member('caller')
    const deaths: number[] = []
    const replace = async (): Promise<void> => {
      const worker = await member(`worker-${deaths.length}`)
      await worker.consume({}, ({ attempt }) => {
        worker.kill()
        deaths.push(attempt)
        void replace()
      })
    }
    await replace()
    return { ...made, clock, caller, deaths }
  }

  test('is a dead letter after its attempts, and one death that left no trace', async () => {
    const { clock, caller, deaths, close } = await poisoned()
    await caller.transport.send(taskOf('1', { attempts: 3 }))
    for (let n = 0; n < 50; n++) await clock.advance(1_000)
    expect(deaths).toEqual([1, 1, 2, 3])
    expect(caller.completions('1')).toMatchObject([
      { status: 'failed', attempt: 3, error: { code: 'ERR_AETHER_ATTEMPTS_EXHAUSTED' } },
    ])
    expect(caller.transport.deadLetters).toMatchObject([{ task: { tid: '1' }, reason: 'attempts-exhausted' }])
    await close()
  })

  test('is one too where every third message is lost', async () => {
    const { clock, caller, deaths, close } = await poisoned({ lossy: true })
    await caller.transport.send(taskOf('1', { attempts: 3 }))
    for (let n = 0; n < 55; n++) await clock.advance(1_000)
    expect(caller.completions('1')).toMatchObject([
      { status: 'failed', error: { code: 'ERR_AETHER_ATTEMPTS_EXHAUSTED' } },
    ])
    // At most one more for each accept that was lost.
    expect(deaths.length).toBeLessThanOrEqual(7)
    await close()
  })
})

describe('an offer made again', () => {
  test('says how often it was made; its accept goes out before the handler begins', async () => {
    const { clock, hub, member } = party({ acceptDelayMs: 500 })
    const caller = await member('caller')
    const worker = await member('worker')
    hub.fate = ({ kind }) => (kind === 'offer' ? [] : [1])
    await caller.transport.send(taskOf('1'))
    await clock.advance(10)
    hub.fate = () => [1]
    const order: string[] = []
    await worker.consume({}, () => order.push('begun'))
    const signal = worker.relay.signal.bind(worker.relay)
    worker.relay.signal = async (to, word) => {
      await signal(to, word)
      order.push(word.kind)
    }
    await caller.transport.send(taskOf('first'))
    await clock.advance(5)
    expect(order).toEqual(['begun'])
    await clock.advance(2_000)
    expect(order.slice(-2)).toEqual(['accept', 'begun'])
    expect(hub.sent.flatMap(({ offer, task }) => (task?.tid === '1' && offer ? [offer.sends] : []))).toEqual([
      2,
    ])
  })

  test('is begun later where its accept could not be sent', async () => {
    const { clock, hub, member } = party()
    const caller = await member('caller')
    const worker = await member('worker')
    await worker.consume({ leaseMs: 60_000 })
    hub.fate = ({ kind }) => (kind === 'offer' ? [] : [1])
    await caller.transport.send(taskOf('1'))
    hub.fate = () => [1]
    const signal = worker.relay.signal.bind(worker.relay)
    let refusals = 0
    worker.relay.signal = async (to, word) => {
      refusals += 1
      if (refusals === 1) throw new Error('no connection')
      return signal(to, word)
    }
    await clock.advance(2_000)
    expect(refusals).toBe(1)
    expect(worker.deliveries).toHaveLength(0)
    await clock.advance(5_000)
    expect(worker.deliveries.map(({ attempt }) => attempt)).toEqual([1])
  })

  test('is given back unseen where the consumer closes before its accept is out', async () => {
    const { clock, hub, member } = party()
    const caller = await member('caller')
    const [closing, other] = [await member('closing'), await member('other')]
    const consumer = await closing.consume()
    hub.fate = ({ kind }) => (kind === 'offer' ? [] : [1])
    await caller.transport.send(taskOf('1'))
    hub.fate = () => [1]
    const signal = closing.relay.signal.bind(closing.relay)
    let waiting = true
    closing.relay.signal = async (to, word) => {
      if (word.kind === 'accept' && waiting) return new Promise(() => (waiting = false))
      return signal(to, word)
    }
    await clock.advance(1_500)
    expect(waiting).toBe(false)
    await other.consume()
    void consumer.close()
    await clock.advance(100)
    expect(closing.deliveries).toHaveLength(0)
    expect(other.deliveries.map(({ attempt }) => attempt)).toEqual([2])
  })
})
