import { describe, expect, it } from 'vitest'
import type { Hello, Opening } from '../../src/pubsub/hello-frame.ts'
import { maxEntries } from '../../src/pubsub/hello-frame.ts'
import { Hold, OpenTask } from '../../src/pubsub/open-task.ts'
import { Roster } from '../../src/pubsub/roster.ts'
import { route, taskOf } from '../support/pubsub-party.ts'

function opening(workgroup: string, parts: Partial<Opening> = {}): Opening {
  const { job, task, context } = route
  return { consumer: 1, job, task, context, workgroup, credit: 1, pool: '', poolCredit: 0, ...parts }
}

let version = 0

function hello(openings: readonly Opening[], parts: Partial<Hello> = {}): Hello {
  version += 1
  return { union: 'u', epoch: 1, version, nonce: 0, isAnswer: false, openings, interests: [], ...parts }
}

function roster(): { readonly roster: Roster; readonly refused: string[] } {
  const refused: string[] = []
  return {
    refused,
    roster: new Roster({ channelOf: (id) => `c:${id}`, onRefused: (id) => refused.push(id) }),
  }
}

const nobody = { carried: () => undefined, stranded: () => undefined }

describe('a page of a route', () => {
  it('forgets the workgroups that are gone, but those of which a task is open', () => {
    const { roster: all } = roster()
    const union = all.open('u')
    const page = union.page(route)
    const task = taskOf({ workgroup: 'named' })
    const open = new OpenTask(task, 'u/1', page)
    open.receipt.catch(() => undefined)
    const named = new Hold(nobody, open, union.lane(page, 'named'), true)
    for (let n = 0; n < 100; n++) {
      all.enlist('worker', hello([opening(`watchers-${n}`, { consumer: n })]))
      union.page(route)
    }
    expect([...page.lanes.keys()]).toEqual(['named', 'watchers-99'])
    // Whoever works for it now is found by the task that waited meanwhile.
    all.enlist('worker', hello([opening('named', { consumer: 100 })]))
    union.page(route)
    expect(named.lane.seats).toHaveLength(1)
    named.status = 'ended'
    all.enlist('worker', hello([]))
    union.page(route)
    expect(page.lanes.size).toBe(0)
  })
})

describe('what instances say of themselves', () => {
  it('is known of so many subscriptions altogether, and no further ones', () => {
    const { roster: all, refused } = roster()
    all.open('u')
    const many = Array.from({ length: maxEntries }, (_, consumer) => opening('workers', { consumer }))
    for (let n = 0; n < 64; n++) expect(all.enlist(`worker-${n}`, hello(many))).toBeDefined()
    expect(all.enlist('late', hello([opening('workers')]))).toBeUndefined()
    expect(refused).toEqual(['late'])
    // This instance itself is always known, and who says less makes room.
    expect(all.enlist('self', hello([opening('workers')]), { isOwn: true })).toBeDefined()
    all.enlist('worker-0', hello(many.slice(2)))
    expect(all.enlist('late', hello([opening('workers')]))).toBeDefined()
    const gone = all.peers.get('worker-1')
    expect(gone).toBeDefined()
    if (gone) all.dismiss(gone)
    expect(all.enlist('latest', hello(many))).toBeDefined()
    expect(refused).toEqual(['late'])
  })

  it('keeps what it shared of its credit for as long as somebody has a part of it', () => {
    const { roster: all } = roster()
    all.open('u')
    const shared = (pool: string): Opening => opening('workers', { pool, poolCredit: 1 })
    for (let n = 0; n < 100; n++) all.enlist('worker', hello([{ ...shared(`pool-${n}`), consumer: n }]))
    const peer = all.peers.get('worker')
    expect(peer?.poolCount).toBe(1)
    const seat = peer?.members.get('u')?.seats.get(99)
    seat?.take()
    // The consumer is closed, and what it has in hand counts for the next one of the same pool.
    all.enlist('worker', hello([opening('workers', { consumer: 100 })]))
    all.enlist('worker', hello([{ ...shared('pool-99'), consumer: 101 }]))
    const next = peer?.members.get('u')?.seats.get(101)
    expect(next?.hasRoom).toBe(false)
    seat?.giveBack()
    expect(next?.hasRoom).toBe(true)
  })
})
