import { AetherError, type Delivery } from '@aether/core'
import { createManualClock, pause, until } from '@aether/testing'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { LinkHub } from '../support/link-hub.ts'
import { completeOf, join, type Party, route, taskOf } from '../support/pubsub-party.ts'

let hub: LinkHub
let parties: Party[]
beforeEach(() => {
  hub = new LinkHub()
  parties = []
})
afterEach(async () => {
  await Promise.all(parties.map(({ transport }) => transport.close()))
})

async function party(settings?: Parameters<typeof join>[1]): Promise<Party> {
  const joined = await join(hub, settings)
  parties.push(joined)
  return joined
}

const lost = { status: 'failed', error: { code: 'ERR_AETHER_TRANSPORT_LOST', retryable: true } }

describe('who is there', () => {
  it('is known as soon as consume has resolved, by everyone', async () => {
    const caller = await party()
    const refused = taskOf({ waitForWorkers: false })
    await expect(caller.transport.send(refused)).rejects.toMatchObject({
      code: 'ERR_AETHER_WORKERS_NONE',
      retryable: true,
    })
    expect(caller.events).toEqual([])
    const worker = await party()
    const deliveries = await worker.consume()
    const task = taskOf({ waitForWorkers: false })
    expect(await caller.transport.send(task)).toEqual({ deduplicated: false })
    await until(() => deliveries.length === 1)
  })

  it('is learned by who comes later, and before its start resolves', async () => {
    const worker = await party()
    await worker.consume()
    const caller = await party()
    await caller.transport.send(taskOf({ waitForWorkers: false }))
  })

  it('is not lost where it is the server that was silent', async () => {
    const caller = await party({ heartbeatMs: 20 })
    const worker = await party({ heartbeatMs: 20 })
    const inHand = await worker.consume()
    const task = taskOf()
    await caller.transport.send(task)
    await until(() => inHand.length === 1)
    hub.stall()
    // Longer than any worker may be silent, with a machine that is busy.
    await pause(400)
    hub.resume()
    await inHand[0]?.ack(completeOf(inHand[0]))
    await until(() => caller.completions(task.tid).length === 1)
    expect(caller.completions(task.tid)).toMatchObject([{ status: 'succeed' }])
    expect(caller.log).toEqual([])
    // Who is silent then is lost all the same.
    const another = taskOf()
    await caller.transport.send(another)
    await until(() => inHand.length === 2)
    worker.link.cut()
    await until(() => caller.completions(another.tid).length === 1)
    expect(caller.completions(another.tid)).toMatchObject([lost])
  })

  it('is bounded: one instance consumes and listens so often, and no more', async () => {
    const worker = await party()
    const limit = { code: 'ERR_AETHER_QUEUE_FULL', detail: { limit: 4_096 } }
    const options = { workgroup: 'workers', credit: 1, leaseMs: 1_000 }
    const consume = (): Promise<unknown> => worker.transport.consume(route, options, () => undefined)
    await Promise.all(Array.from({ length: 4_096 }, consume))
    await expect(consume()).rejects.toMatchObject(limit)
    // All that it says of itself is understood elsewhere.
    const caller = await party()
    await caller.transport.send(taskOf({ waitForWorkers: false }))
    expect(caller.transport.foreignMessages).toBe(0)
    const listen = (): Promise<unknown> => caller.transport.listen({ job: 'j' }, () => undefined)
    await Promise.all(Array.from({ length: 4_096 }, listen))
    await expect(listen()).rejects.toMatchObject(limit)
  })

  it('is asked again in a Cluster, whose nodes pass messages on at their own pace', async () => {
    hub.isCluster = true
    const caller = await party()
    const began = performance.now()
    await expect(caller.transport.send(taskOf({ waitForWorkers: false }))).rejects.toMatchObject({
      code: 'ERR_AETHER_WORKERS_NONE',
    })
    expect(performance.now() - began).toBeGreaterThanOrEqual(59)
    const worker = await party()
    await worker.consume()
    await caller.transport.send(taskOf({ waitForWorkers: false }))
  })

  it('counts as lost when it has been silent for four heartbeats: its tasks fail, and go nowhere else', async () => {
    const caller = await party()
    const silent = await party({ heartbeatMs: 60_000 })
    const inHand = await silent.consume()
    const task = taskOf()
    await caller.transport.send(task)
    await until(() => inHand.length === 1)
    const reasons: string[] = []
    inHand[0]?.onRevoke(({ code }) => reasons.push(code))
    const other = await party()
    const elsewhere = await other.consume()
    await until(() => caller.completions(task.tid).length === 1)
    await until(() => reasons.length === 1)
    expect(reasons).toEqual(['ERR_AETHER_LEASE_LOST'])
    expect(caller.completions(task.tid)[0]).toMatchObject({ ...lost, attempt: 1 })
    expect(caller.completions(task.tid)[0]?.error?.message).toContain('silent')
    expect(elsewhere).toEqual([])
    expect(caller.log).toContainEqual(['warn', 'a worker has fallen silent'])
  })

  it('is not lost while it only finishes what it has, however long that takes', async () => {
    const caller = await party()
    const worker = await party()
    const deliveries: Delivery[] = []
    const options = { workgroup: 'workers', credit: 1, leaseMs: 1_000 }
    const consumer = await worker.transport.consume(route, options, (delivery) => deliveries.push(delivery))
    const task = taskOf()
    await caller.transport.send(task)
    await until(() => deliveries.length === 1)
    await consumer.close()
    const endsAt = performance.now() + 7 * 150
    await until(() => performance.now() > endsAt)
    expect(caller.events).toEqual([])
    await deliveries[0]?.ack(completeOf(deliveries[0]))
    await until(() => caller.completions(task.tid).length === 1)
    expect(caller.completions(task.tid)).toMatchObject([{ status: 'succeed' }])
    expect(caller.log).toEqual([])
  })

  it('is there again when it comes back, and its late completions end nothing', async () => {
    const caller = await party()
    const worker = await party()
    const deliveries = await worker.consume()
    const before = [taskOf(), taskOf(), taskOf()]
    for (const task of before) await caller.transport.send(task)
    await until(() => deliveries.length === 3)
    worker.link.cut()
    await until(() => caller.events.length === 3)
    for (const { tid } of before) expect(caller.completions(tid)).toMatchObject([lost])
    const after = [taskOf(), taskOf()]
    for (const task of after) await caller.transport.send(task)
    worker.link.heal()
    await until(() => deliveries.length === 5)
    // It may have heard meanwhile that it has lost the first three.
    for (const delivery of deliveries) await delivery.ack(completeOf(delivery)).catch(() => undefined)
    await until(() => after.every(({ tid }) => caller.completions(tid).length === 1))
    expect(caller.events).toHaveLength(5)
    for (const { tid } of after) expect(caller.completions(tid)).toMatchObject([{ status: 'succeed' }])
  })

  it('says goodbye: what it had not begun goes elsewhere, what it had begun is lost', async () => {
    const caller = await party()
    const second = await party()
    const leaver = await party()
    const begun = await leaver.consume({ credit: 1 })
    // Two callers each believe that there is room for one.
    const [first, waiting] = [taskOf(), taskOf()]
    await caller.transport.send(first)
    await second.transport.send(waiting)
    await until(() => begun.length === 1)
    const stayer = await party()
    const elsewhere = await stayer.consume()
    await leaver.transport.close()
    const [beganTid] = begun.map(({ task }) => task.tid)
    const [lostOne, movedOne] = beganTid === first.tid ? [caller, second] : [second, caller]
    await until(() => elsewhere.length === 1)
    expect(elsewhere[0]).toMatchObject({ attempt: 1 })
    await until(() => lostOne.events.length === 1)
    expect(lostOne.events[0]).toMatchObject(lost)
    expect(movedOne.events).toEqual([])
  })
})

describe('room', () => {
  it('is what a worker has said; the rest waits at the caller, and for each worker in turn', async () => {
    const caller = await party()
    const workers = [await party(), await party()]
    const inHand = await Promise.all(workers.map((worker) => worker.consume({ credit: 2 })))
    const tasks = Array.from({ length: 6 }, () => taskOf())
    for (const task of tasks) await caller.transport.send(task)
    await until(() => inHand.every((deliveries) => deliveries.length === 2))
    await inHand[0]?.[0]?.ack(completeOf(inHand[0][0]))
    await until(() => inHand[0]?.length === 3)
    expect(inHand[1]).toHaveLength(2)
  })

  it('is refused by a worker that holds too much already, and the task goes to another', async () => {
    const [one, two] = [await party(), await party()]
    const full = await party({ maxHeld: 0 })
    const deliveries = await full.consume({ credit: 1 })
    await one.transport.send(taskOf())
    await until(() => deliveries.length === 1)
    const task = taskOf()
    await two.transport.send(task)
    const free = await party()
    const elsewhere = await free.consume()
    await until(() => elsewhere.length === 1)
    expect(elsewhere[0]).toMatchObject({ attempt: 1, task: { tid: task.tid } })
    expect(deliveries).toHaveLength(1)
  })

  it('comes back to the same worker after a pause where there is no other', async () => {
    const [one, two] = [await party(), await party()]
    const full = await party({ maxHeld: 0 })
    const deliveries = await full.consume({ credit: 1 })
    await one.transport.send(taskOf())
    await until(() => deliveries.length === 1)
    await two.transport.send(taskOf())
    await deliveries[0]?.ack(completeOf(deliveries[0]))
    await until(() => deliveries.length === 2)
  })

  it('is shared by consumers of a pool when one of them settles at once', async () => {
    const worker = await party()
    const pool = { id: 'p', credit: 1 }
    const done: string[] = []
    for (const task of ['a', 'b'])
      await worker.transport.consume(
        { ...route, task },
        { workgroup: 'workers', credit: 1, leaseMs: 1_000, pool },
        (delivery) => {
          done.push(delivery.task.route.task)
          void delivery.ack(completeOf(delivery))
        },
      )
    const sends = Array.from({ length: 40 }, (_, index) =>
      worker.transport.send(taskOf({ route: { ...route, task: index % 2 === 0 ? 'a' : 'b' } })),
    )
    await Promise.all(sends)
    await until(() => done.length === 40)
  })

  it('for observers ends with the queue: they miss a task, their owner is told, the caller has its answer', async () => {
    const caller = await party({ maxQueued: 2 })
    const worker = await party()
    await worker.consume({}, (delivery) => void delivery.ack(completeOf(delivery)))
    const observing = await worker.consume({ workgroup: 'audit', credit: 1 })
    const tasks = Array.from({ length: 5 }, () => taskOf())
    for (const task of tasks) await caller.transport.send(task)
    await until(() => tasks.every(({ tid }) => caller.completions(tid).length === 1))
    expect(caller.log.filter(([level]) => level === 'warn')).toHaveLength(2)
    expect(observing).toHaveLength(1)
  })

  it('for open tasks has a limit too', async () => {
    const caller = await party({ maxOpen: 2 })
    await caller.transport.send(taskOf())
    await caller.transport.send(taskOf())
    await expect(caller.transport.send(taskOf())).rejects.toMatchObject({ code: 'ERR_AETHER_QUEUE_FULL' })
  })
})

describe('what is lost on the way', () => {
  it('a task that nobody got goes to another worker at once', async () => {
    const caller = await party()
    const gone = await party()
    const never = await gone.consume()
    const worker = await party()
    const deliveries = await worker.consume()
    gone.link.cut()
    const tasks = Array.from({ length: 4 }, () => taskOf({ waitForWorkers: false }))
    await Promise.all(tasks.map((task) => caller.transport.send(task)))
    await until(() => deliveries.length === 4)
    expect(never).toEqual([])
    expect(deliveries.every(({ attempt }) => attempt === 1)).toBe(true)
  })

  it('a task that a worker did not hear is handed out again when that worker is back', async () => {
    const caller = await party({ heartbeatMs: 5_000 })
    const worker = await party({ heartbeatMs: 5_000 })
    const deliveries = await worker.consume()
    worker.link.deafen()
    const task = taskOf()
    // The server counts a listener, so it counts as handed out.
    await caller.transport.send(task)
    worker.link.cut()
    worker.link.heal()
    await until(() => deliveries.length === 1)
    expect(deliveries[0]).toMatchObject({ attempt: 1, task: { tid: task.tid } })
    await deliveries[0]?.ack(completeOf(deliveries[0]))
    await until(() => caller.completions(task.tid).length === 1)
  })

  it('a task that was lost before a later one came is missed by its worker, and handed out again at once', async () => {
    const caller = await party()
    const worker = await party()
    const deliveries = await worker.consume()
    const publish = caller.link.publish.bind(caller.link)
    caller.link.publish = async () => 1
    const missed = taskOf()
    await caller.transport.send(missed)
    caller.link.publish = publish
    const later = taskOf()
    await caller.transport.send(later)
    await until(() => deliveries.length === 2)
    expect(deliveries.map(({ task, attempt }) => [task.tid, attempt])).toEqual([
      [later.tid, 1],
      [missed.tid, 1],
    ])
  })

  it('what comes twice, or after it was given up, is begun once', async () => {
    const caller = await party()
    const worker = await party()
    const deliveries = await worker.consume()
    const publish = caller.link.publish.bind(caller.link)
    let late: Uint8Array | undefined
    caller.link.publish = async (_channel, message) => {
      late ??= Buffer.from(message)
      return 1
    }
    await caller.transport.send(taskOf())
    caller.link.publish = async (channel, message) => {
      await publish(channel, message)
      return publish(channel, message)
    }
    const twice = taskOf()
    await caller.transport.send(twice)
    await until(() => deliveries.length === 2)
    await publish(`p:pubsub/to/${worker.transport.instance}`, late ?? Buffer.alloc(0))
    for (const delivery of [...deliveries]) await delivery.ack(completeOf(delivery))
    await until(() => caller.events.length === 2)
    expect(deliveries).toHaveLength(2)
    expect(new Set(deliveries.map(({ task }) => task.tid)).size).toBe(2)
  })

  it('a completion that the caller did not hear is told when it is back, as are releases and refusals', async () => {
    const caller = await party({ heartbeatMs: 5_000 })
    const worker = await party({ heartbeatMs: 5_000 })
    const deliveries = await worker.consume()
    const tasks = [taskOf(), taskOf(), taskOf({ attempts: 1 })]
    for (const task of tasks) await caller.transport.send(task)
    await until(() => deliveries.length === 3)
    caller.link.deafen()
    const [done, given, failed] = deliveries
    if (done === undefined || given === undefined || failed === undefined) throw new Error('three deliveries')
    await done.ack(completeOf(done))
    await given.release()
    const error = { code: 'ERR_AETHER_TASK_FAILED', message: 'no', retryable: true }
    await failed.release({ failed: true, error })
    expect(caller.events).toEqual([])
    caller.link.cut()
    caller.link.heal()
    await until(() => caller.events.length === 2 && deliveries.length === 4)
    expect(caller.completions(done.task.tid)).toMatchObject([{ status: 'succeed', attempt: 1 }])
    expect(caller.completions(failed.task.tid)).toMatchObject([{ status: 'failed', error }])
    expect(deliveries[3]).toMatchObject({ attempt: 2, task: { tid: given.task.tid } })
  })

  it('a completion that the worker has forgotten meanwhile is a lost task', async () => {
    const caller = await party({ heartbeatMs: 5_000 })
    const worker = await party({ heartbeatMs: 5_000, maxRecent: 1 })
    const deliveries = await worker.consume()
    const tasks = [taskOf(), taskOf()]
    for (const task of tasks) await caller.transport.send(task)
    await until(() => deliveries.length === 2)
    caller.link.deafen()
    for (const delivery of deliveries) await delivery.ack(completeOf(delivery))
    caller.link.cut()
    caller.link.heal()
    await until(() => caller.events.length === 2)
    expect(caller.completions(tasks[0]?.tid ?? '')).toMatchObject([lost])
    expect(caller.completions(tasks[1]?.tid ?? '')).toMatchObject([{ status: 'succeed' }])
  })

  it('a send that was cut off is asked after, not repeated', async () => {
    const caller = await party({ heartbeatMs: 5_000 })
    const worker = await party({ heartbeatMs: 5_000 })
    const deliveries = await worker.consume()
    const cut = new AetherError('ERR_AETHER_TRANSPORT_LOST', 'cut off', { retryable: true })
    // It arrives, and its answer does not.
    const publish = caller.link.publish.bind(caller.link)
    caller.link.publish = async (channel, message) => {
      await publish(channel, message)
      if (channel.includes('/to/')) throw cut
      return 1
    }
    const sending = caller.transport.send(taskOf())
    await until(() => deliveries.length === 1)
    caller.link.publish = publish
    caller.link.cut()
    caller.link.heal()
    expect(await sending).toEqual({ deduplicated: false })
    expect(deliveries).toHaveLength(1)
  })

  it('what a worker says is said again when its connection ended, also where caller and worker are one', async () => {
    const both = await party({ heartbeatMs: 5_000 })
    const deliveries = await both.consume()
    const task = taskOf()
    await both.transport.send(task)
    await until(() => deliveries.length === 1)
    const cut = new AetherError('ERR_AETHER_TRANSPORT_LOST', 'cut off', { retryable: true })
    let losses = 0
    both.link.refuse = () => {
      losses += 1
      return losses % 2 === 1 ? cut : undefined
    }
    const [delivery] = deliveries
    if (delivery === undefined) throw new Error('no delivery')
    const { route: at, tid } = task
    const base = {
      route: at,
      tid,
      client: 'w',
      host: 'h',
      attempt: 1,
      workgroup: 'workers',
      codec: 'json',
    } as const
    await delivery.report({ ...base, action: 'status', status: 'progress', progress: 5, seq: 1 })
    await delivery.ack(completeOf(delivery))
    await until(() => both.completions(task.tid).length === 1)
    expect(both.events.map(({ action }) => action)).toEqual(['status', 'complete'])
    expect(losses).toBeGreaterThanOrEqual(4)
    both.link.refuse = undefined
  })

  it('a send that the server refuses is refused, and its worker has the room again', async () => {
    const caller = await party()
    const worker = await party()
    const deliveries = await worker.consume({ credit: 1 })
    const refusal = new AetherError('ERR_AETHER_TOKEN_REFUSED', 'no channels for you')
    caller.link.refuse = (channel) => (channel.includes('/to/') ? refusal : undefined)
    await expect(caller.transport.send(taskOf())).rejects.toBe(refusal)
    caller.link.refuse = undefined
    await caller.transport.send(taskOf())
    await until(() => deliveries.length === 1)
    expect(caller.events).toEqual([])
  })
})

it('leaves no timer behind, also of an observer that waits for its next attempt', async () => {
  const clock = createManualClock()
  const caller = await party({ clock })
  const worker = await party()
  await worker.consume({}, (delivery) => void delivery.ack(completeOf(delivery)))
  await worker.consume({ workgroup: 'audit' }, (delivery) => void delivery.release({ delayMs: 60_000 }))
  const tasks = [taskOf(), taskOf({ delayMs: 5_000 }), taskOf({ ttlMs: 5_000, workgroup: 'nobody' })]
  for (const task of tasks) await caller.transport.send(task)
  await until(() => caller.events.length === 1 && clock.pending >= 4)
  await caller.transport.close()
  expect(clock.pending).toBe(0)
})

describe('a delivery', () => {
  it('whose caller is gone is worked on to its end', async () => {
    const caller = await party()
    const worker = await party()
    const deliveries = await worker.consume()
    await caller.transport.send(taskOf())
    await until(() => deliveries.length === 1)
    await caller.transport.close()
    await deliveries[0]?.renew()
    await deliveries[0]?.ack(completeOf(deliveries[0]))
  })

  it('of a caller that gave up before it was accepted is taken back', async () => {
    const caller = await party()
    const worker = await party()
    const deliveries = await worker.consume()
    const publish = caller.link.publish.bind(caller.link)
    let answer = (): void => undefined
    caller.link.publish = async (channel, message) => {
      const heard = await publish(channel, message)
      if (channel.includes('/to/'))
        await new Promise<void>((resolve) => {
          answer = resolve
        })
      return heard
    }
    const controller = new AbortController()
    const sending = caller.transport.send(taskOf(), { signal: controller.signal })
    const reasons: string[] = []
    await until(() => deliveries.length === 1)
    deliveries[0]?.onRevoke(({ code }) => reasons.push(code))
    caller.link.publish = publish
    controller.abort(new Error('never mind'))
    await expect(sending).rejects.toThrow('never mind')
    answer()
    await until(() => reasons.length === 1)
    expect(reasons).toEqual(['ERR_AETHER_TASK_CANCELLED'])
    expect(caller.events).toEqual([])
  })

  it('is told of its end once, also late', async () => {
    const caller = await party()
    const worker = await party()
    const deliveries = await worker.consume()
    const task = taskOf()
    await caller.transport.send(task)
    await until(() => deliveries.length === 1)
    await caller.transport.cancel(route, task.tid, 'enough')
    const [delivery] = deliveries
    await until(
      async () =>
        await delivery?.renew().then(
          () => false,
          () => true,
        ),
    )
    const reasons: string[] = []
    delivery?.onRevoke(({ message }) => reasons.push(message))
    expect(reasons).toEqual(['enough'])
  })
})

it('says once that something foreign was heard, and counts the rest', async () => {
  const one = await party()
  const other = await party()
  const channel = 'p:pubsub/all/u'
  for (const text of ['', 'x', '{"a":1}', 'Aå'.repeat(40)])
    await other.link.publish(channel, Buffer.from(text))
  await until(() => one.transport.foreignMessages === 4)
  expect(one.log.filter(([level]) => level === 'warn')).toHaveLength(1)
  expect(one.log.filter(([level]) => level === 'error')).toEqual([])
})
