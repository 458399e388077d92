import { createEngine } from '../src/index.ts'
import type { DispatchPolicy, Effects, Engine, Lease } from '../src/index.ts'
import { measure } from './measure.ts'

/** Acks whatever is delivered, in order, outside the effect, as a shell does. */
class Shell implements Effects<number, number, number, string> {
  readonly engine: Engine<number, number, number, string>
  #leases: Lease<number, string>[] = []
  settledCount = 0

  constructor(dispatch: DispatchPolicy = 'most-credit') {
    this.engine = createEngine({ clock: performance, random: Math.random, dispatch }, this)
  }

  deliver(lease: Lease<number, string>): void {
    this.#leases.push(lease)
  }

  revoke(): void {}

  settled(): void {
    this.settledCount++
  }

  completed(): void {}

  deadLettered(): void {}

  send(tid: string): void {
    const spec = {
      tid,
      workgroup: 'workers',
      body: 1,
      bytes: 16,
      priority: 0,
      delayMs: 0,
      ttlMs: 0,
      deadlineMs: 60_000,
      attempts: 3,
      waitForWorkers: true,
    }
    if (this.engine.send('bench/job/task/x', spec, 1) !== 'accepted')
      throw new Error(`${tid} was not accepted`)
  }

  ackAll(): number {
    const leases = this.#leases
    this.#leases = []
    for (const lease of leases) {
      if (this.engine.ack(lease.id, lease.owner, 'succeed', 1) !== 'ok') throw new Error('a lease was lost')
    }
    return leases.length
  }
}

let lastTid = 0

function tasks(
  name: string,
  consumers: number,
  credit: number,
  inFlight: number,
  dispatch: DispatchPolicy = 'most-credit',
): void {
  const shell = new Shell(dispatch)
  for (let i = 0; i < consumers; i++) {
    shell.engine.consume({
      filter: 'bench/job/task/x',
      workgroup: 'workers',
      credit,
      leaseMs: 30_000,
      owner: `o${i}`,
    })
  }
  measure(name, 200_000, (steps) => {
    for (let sent = 0; sent < steps; sent += inFlight) {
      for (let i = 0; i < inFlight; i++) shell.send(`t${lastTid++}`)
      for (let done = 0; done < inFlight;) done += shell.ackAll()
      shell.engine.tick()
      shell.engine.nextTickAt()
    }
  })
  if (shell.settledCount === 0 || shell.engine.stats().open !== 0)
    throw new Error('the ledger does not close')
}

tasks('send + deliver + ack, 1 in flight', 1, 1, 1)
tasks('send + deliver + ack, 256 in flight', 1, 256, 256)
tasks('send + queue + deliver + ack, credit 16 of 256', 1, 16, 256)
for (const dispatch of ['most-credit', 'round-robin', 'random'] as const) {
  for (const consumers of [1, 100, 10_000])
    tasks(`${dispatch}, ${consumers} consumers, 256 in flight`, consumers, 256, 256, dispatch)
}
