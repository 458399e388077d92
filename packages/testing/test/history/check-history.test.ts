import { describe, expect, it } from 'vitest'

import { checkHistory, describeViolations } from '../../src/index.ts'
import type { LeaseEntry, RecordEntry, TerminalEntry } from '../../src/index.ts'

// Hand-made histories: one task `t` of the caller `c`, worked on by `w1` and `w2` of one workgroup, at times one can count.
const task = { tid: 't', workgroup: 'workers' } as const

const invoked = (at: number, tid = 't'): RecordEntry => ({
  kind: 'invoked',
  at,
  by: 'c',
  tid,
  workgroup: 'workers',
})
const accepted = (at: number, tid = 't'): RecordEntry => ({
  kind: 'answered',
  at,
  by: 'c',
  tid,
  answer: 'accepted',
})
const refused = (at: number): RecordEntry => ({ kind: 'answered', at, by: 'c', tid: 't', answer: 'refused' })
const delivered = (at: number, by: string, attempt: number): RecordEntry => ({
  kind: 'delivered',
  at,
  by,
  ...task,
  attempt,
  leaseMs: 400,
})
const terminal = (at: number, parts: Partial<TerminalEntry> = {}): RecordEntry => ({
  kind: 'terminal',
  at,
  by: 'c',
  ...task,
  status: 'succeed',
  attempt: 1,
  ...parts,
})
function used(
  kind: LeaseEntry['kind'],
  at: number,
  by: string,
  attempt: number,
  answer: LeaseEntry['answer'] = 'accepted',
): RecordEntry {
  return { kind, at, invokedAt: at - 1, by, ...task, attempt, answer }
}
const handler = (kind: 'handler-started' | 'handler-ended', at: number, by = 'w1'): RecordEntry => ({
  kind,
  at,
  by,
  ...task,
  attempt: 1,
})
const fault = (at: number, target: string): RecordEntry => ({
  kind: 'fault',
  at,
  by: 'nemesis',
  fault: 'freeze',
  target,
})

const good = [
  invoked(0),
  accepted(1),
  delivered(2, 'w1', 1),
  used('report', 3, 'w1', 1),
  used('ack', 5, 'w1', 1),
  terminal(6),
]

function rulesOf(entries: readonly RecordEntry[], options?: Parameters<typeof checkHistory>[1]): string[] {
  return checkHistory(entries, options).map(({ promise, rule }) => `${String(promise)} ${rule}`)
}

describe('a good history breaks no promise', () => {
  it('a task that succeeds at once', () => expect(rulesOf(good)).toEqual([]))

  it('a frozen worker whose late words are refused', () => {
    const history = [
      invoked(0),
      accepted(1),
      delivered(2, 'w1', 1),
      fault(3, 'w1'),
      delivered(500, 'w2', 2),
      used('renew', 600, 'w1', 1, 'refused'),
      used('ack', 601, 'w1', 1, 'refused'),
      used('ack', 700, 'w2', 2),
      terminal(701, { attempt: 2 }),
    ]
    expect(rulesOf(history)).toEqual([])
  })

  it('a word under way when the lease ended', () => {
    const late: RecordEntry = {
      kind: 'renew',
      at: 505,
      invokedAt: 499,
      by: 'w1',
      ...task,
      attempt: 1,
      answer: 'accepted',
    }
    const history = [
      invoked(0),
      accepted(1),
      delivered(2, 'w1', 1),
      delivered(500, 'w2', 2),
      late,
      used('ack', 510, 'w2', 2),
      terminal(511, { attempt: 2 }),
    ]
    expect(rulesOf(history)).toEqual([])
  })

  it('a refused task that never ends', () => expect(rulesOf([invoked(0), refused(1)])).toEqual([]))

  it('an answer lost on the way, and an end all the same', () => {
    const unknown: RecordEntry = { kind: 'answered', at: 1, by: 'c', tid: 't', answer: 'unknown' }
    expect(rulesOf([invoked(0), unknown, terminal(5)])).toEqual([])
    expect(rulesOf([invoked(0), unknown])).toEqual([])
  })

  it('a caller that asks twice and is told twice', () =>
    expect(rulesOf([invoked(0), accepted(1), invoked(2), accepted(3), terminal(6), terminal(7)])).toEqual([]))

  it('two workgroups that complete the same task', () => {
    const observing = [delivered(2, 'w3', 1), used('ack', 4, 'w3', 1)].map(
      (entry) => ({ ...entry, workgroup: 'audit' }) as RecordEntry,
    )
    expect(rulesOf([...good, ...observing])).toEqual([])
  })

  it('a ledger that closes, sizes within bounds, subscriptions that exist once', () => {
    const ledger: RecordEntry = {
      kind: 'ledger',
      at: 7,
      by: 'c',
      performed: 1,
      succeeded: 1,
      failed: 0,
      cancelled: 0,
      expired: 0,
      open: 0,
    }
    const size: RecordEntry = {
      kind: 'gauge',
      at: 7,
      by: 'c',
      gauge: 'size',
      name: 'pending',
      value: 8,
      limit: 8,
    }
    const once: RecordEntry = {
      kind: 'gauge',
      at: 7,
      by: 'c',
      gauge: 'subscription',
      name: 'l',
      value: 1,
      limit: 1,
    }
    expect(rulesOf([...good, ledger, size, once])).toEqual([])
  })
})

describe('promise 1: one end, seen once', () => {
  it.each([
    ['1 terminal-seen-twice', [...good, terminal(7)]],
    ['1 refused-task-ended', [invoked(0), refused(1), terminal(2)]],
    ['1 terminal-unasked', [terminal(2)]],
    [
      '1 terminals-differ',
      [
        ...good,
        { ...invoked(0), by: 'd' },
        { ...terminal(7, { status: 'failed' }), by: 'd' },
        { ...accepted(1), by: 'd' },
      ],
    ],
    [
      '1 ledger-open',
      [
        ...good,
        {
          kind: 'ledger',
          at: 9,
          by: 'c',
          performed: 2,
          succeeded: 1,
          failed: 0,
          cancelled: 0,
          expired: 0,
          open: 0,
        },
      ],
    ],
    [
      '1 ledger-wrong',
      [
        ...good,
        {
          kind: 'ledger',
          at: 9,
          by: 'c',
          performed: 1,
          succeeded: 0,
          failed: 1,
          cancelled: 0,
          expired: 0,
          open: 0,
        },
      ],
    ],
  ] satisfies [string, RecordEntry[]][])('%s', (rule, history) => {
    expect(rulesOf(history)).toContain(rule)
  })
})

describe('promise 2: one worker at a time, and fences', () => {
  const begun = [invoked(0), accepted(1), delivered(2, 'w1', 1)]

  it('under the lease layer an attempt that nobody heard of may be that of another worker, one that was confirmed may not', () => {
    const again = [...begun, delivered(3, 'w2', 1), used('ack', 5, 'w2', 1), terminal(6)]
    expect(rulesOf(again, { redelivery: 'lease' })).toEqual([])
    const confirmed = [...begun, used('renew', 3, 'w1', 1), ...again.slice(3)]
    expect(rulesOf(confirmed, { redelivery: 'lease' })).toEqual(['2 attempt-held-twice'])
  })

  it.each([
    ['2 attempt-handed-out-twice', [...begun, delivered(3, 'w2', 1), used('ack', 5, 'w1', 1), terminal(6)]],
    [
      '2 two-completions-accepted',
      [...begun, used('ack', 3, 'w1', 1), delivered(4, 'w2', 2), used('ack', 5, 'w2', 2), terminal(6)],
    ],
    [
      '2 stale-attempt-accepted',
      [...begun, delivered(500, 'w2', 2), used('ack', 600, 'w1', 1), terminal(601)],
    ],
    [
      '2 stale-attempt-accepted',
      [
        ...begun,
        delivered(500, 'w2', 2),
        used('renew', 600, 'w1', 1),
        used('ack', 700, 'w2', 2),
        terminal(701, { attempt: 2 }),
      ],
    ],
    ['2 stale-attempt-accepted', [...good, used('renew', 9, 'w1', 1)]],
    [
      '2 fence-not-growing',
      [
        invoked(0),
        accepted(1),
        delivered(2, 'w1', 2),
        delivered(3, 'w1', 1),
        used('ack', 5, 'w1', 2),
        terminal(6, { attempt: 2 }),
      ],
    ],
  ] satisfies [string, RecordEntry[]][])('%s', (rule, history) => {
    expect(rulesOf(history)).toContain(rule)
  })
})

describe('promises 3 to 7', () => {
  it('3: an accepted task without an end', () =>
    expect(rulesOf([invoked(0), accepted(1), delivered(2, 'w1', 1)])).toEqual(['3 accepted-task-lost']))

  it('4: a handler that outlives its cancel, unless a fault took its worker', () => {
    const history = [
      invoked(0),
      accepted(1),
      delivered(2, 'w1', 1),
      handler('handler-started', 3),
      terminal(10, { status: 'cancelled' }),
    ]
    const options = { cancelGraceMs: 50 }
    expect(rulesOf([...history, handler('handler-ended', 100)], options)).toEqual([
      '4 cancelled-task-runs-on',
    ])
    expect(rulesOf(history, options)).toEqual(['4 cancelled-task-runs-on'])
    expect(rulesOf([...history, handler('handler-ended', 40)], options)).toEqual([])
    expect(rulesOf([...history, fault(20, 'w1')], options)).toEqual([])
  })

  it('5: a wait over the bound, and one without an end', () => {
    expect(rulesOf([invoked(0), accepted(200), terminal(201)], { maxWaitMs: 100 })).toEqual([
      '5 wait-too-long',
      '5 wait-too-long',
    ])
    expect(rulesOf([invoked(0)])).toEqual(['5 call-never-answered'])
  })

  it('6: a size over its bound', () => {
    const size: RecordEntry = {
      kind: 'gauge',
      at: 7,
      by: 'c',
      gauge: 'size',
      name: 'pending',
      value: 9,
      limit: 8,
    }
    expect(rulesOf([...good, size])).toEqual(['6 size-over-limit'])
  })

  it.each([0, 2])('7: a subscription that exists %d times', (value) => {
    const twice: RecordEntry = {
      kind: 'gauge',
      at: 7,
      by: 'c',
      gauge: 'subscription',
      name: 'l',
      value,
      limit: 1,
    }
    expect(rulesOf([...good, twice])).toEqual(['7 subscription-not-once'])
  })
})

describe('describeViolations', () => {
  it('names promise, rule and culprit', () => {
    const text = describeViolations(checkHistory([invoked(0), accepted(1)]))
    expect(text).toBe('promise 3, accepted-task-lost: t was accepted from c, which saw no end')
  })
})
