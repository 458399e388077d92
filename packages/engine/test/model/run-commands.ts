import { harness } from '../engine-harness.ts'
import type { Effect, Harness } from '../engine-harness.ts'
import type { DispatchPolicy, EngineLimits } from '../../src/index.ts'
import { filters, owners, routes, workgroups } from './commands.ts'
import type { Command } from './commands.ts'
import { Model } from './model.ts'
import type { ModelLease } from './model.ts'

export const limits: EngineLimits = {
  maxQueued: 6,
  maxBytes: 400,
  maxRoutes: 3,
  maxResults: 5,
  maxResultBytes: 1_000,
  resultTtlMs: 1_000,
  maxDeadLetters: 3,
  maxWatchers: 2,
  groupTtlMs: 300,
}

function must(condition: boolean, message: string): void {
  if (!condition) throw new Error(message)
}

function at<T>(list: readonly T[], n: number): T | undefined {
  return list.length === 0 ? undefined : list[n % list.length]
}

/** Runs commands against the engine and the model side by side; throws where they differ. Returns everything the engine said. */
export function runCommands(commands: readonly Command[], policy: DispatchPolicy): readonly Effect[] {
  let seed = 7
  const random = (): number => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647
  const h = harness({ limits, dispatch: policy, random, startAt: 1_003 })
  const run = new Run(h, new Model(h.now(), limits, policy))
  for (const command of commands) run.do(command)
  return h.effects
}

class Run {
  readonly #h: Harness
  readonly #model: Model
  #seen = 0

  constructor(h: Harness, model: Model) {
    this.#h = h
    this.#model = model
  }

  do(command: Command): void {
    const model = this.#model
    model.step++
    model.allowed = new Set()
    model.exempt = new Set()
    this.#run(command)
    model.checkRest(this.#h.engine.stats())
    const next = this.#h.engine.nextTickAt()
    const due = model.nextDue()
    must(next <= due, `nextTickAt is ${next}, but something is due at ${due}`)
    must(due !== Infinity || next === Infinity, 'nextTickAt without anything due')
  }

  #run(command: Command): void {
    switch (command.type) {
      case 'send':
        return this.#send(command)
      case 'attach':
      case 'detach':
        return this.#watch(command)
      case 'cancel':
        return this.#cancel(command)
      case 'consume':
        return this.#consume(command)
      case 'close':
        return this.#close(at(this.#model.consumers, command.ofConsumers)?.id ?? 99_999)
      case 'disconnect':
        return this.#disconnect(owners[command.owner] as string)
      case 'heard':
        return this.#heard(owners[command.owner] as string)
      case 'renew':
      case 'ack':
      case 'release':
        return this.#settle(command)
      case 'take':
        return this.#take(command.ofLetters)
      case 'pass':
        return this.#pass(command.ms, command.tick)
    }
  }

  /** Shows the model what the engine has said since. */
  #observe(isTick = false): void {
    const { effects } = this.#h
    while (this.#seen < effects.length) this.#model.observe(effects[this.#seen++] as Effect, isTick)
  }

  #send(command: Extract<Command, { type: 'send' }>): void {
    const { route, tid, workgroup, watcher, type: _type, ...rest } = command
    const spec = {
      ...rest,
      tid: `t${tid}`,
      workgroup: workgroups[workgroup] as string,
      body: `b${this.#model.step}`,
    }
    const name = routes[route] as string
    const known = this.#model.find(name, spec.tid)
    const expected = this.#model.send(name, spec, `w${watcher}`)
    const got = this.#h.engine.send(name, spec, `w${watcher}`)
    must(got === expected, `send said ${got}, and should say ${expected}`)
    this.#observe()
    if (known !== undefined) this.#model.expectTold(`w${watcher}`, known)
  }

  #watch(command: Extract<Command, { type: 'attach' | 'detach' }>): void {
    const name = routes[command.route] as string
    const [tid, watcher] = [`t${command.tid}`, `w${command.watcher}`]
    const task = this.#model.find(name, tid)
    if (command.type === 'detach') {
      this.#h.engine.detach(name, tid, watcher)
      if (task !== undefined) task.watchers = task.watchers.filter((other) => other !== watcher)
      return this.#observe()
    }
    const got = this.#h.engine.attach(name, tid, watcher)
    this.#observe()
    this.#model.expectTold(watcher, task)
    if (task === undefined || task.settlement !== undefined)
      return must(got === (task !== undefined), 'attach to what is unknown')
    const isKnown = task.watchers.includes(watcher)
    must(got === (isKnown || task.watchers.length < limits.maxWatchers), 'attach past the limit')
    if (got && !isKnown) task.watchers.push(watcher)
  }

  #cancel(command: Extract<Command, { type: 'cancel' }>): void {
    const name = routes[command.route] as string
    const open =
      this.#model.find(name, `t${command.tid}`)?.entries.filter(({ state }) => state !== 'done') ?? []
    for (const entry of open) this.#model.allowed.add(entry)
    must(
      this.#h.engine.cancel(name, `t${command.tid}`, 'because') === open.length > 0,
      'cancel of what is not open',
    )
    this.#observe()
    must(
      open.every(({ state }) => state === 'done'),
      'cancelled, and still open',
    )
  }

  #consume(command: Extract<Command, { type: 'consume' }>): void {
    const { credit, leaseMs } = command
    const filter = filters[command.filter] as string
    const workgroup = workgroups[command.workgroup] as string
    const owner = owners[command.owner] as string
    const pool = command.pool === 0 ? undefined : { id: `p${command.pool % 2}`, credit: command.pool }
    if (pool !== undefined) this.#model.poolCredit.set(`${owner} ${pool.id}`, pool.credit)
    const id = this.#model.consumers.length + 1
    this.#model.consumers.push({
      id,
      filter,
      workgroup,
      credit,
      leaseMs,
      owner,
      pool: pool?.id,
      isOpen: true,
      isSuspect: false,
      held: new Set(),
    })
    this.#model.vacant.delete(`${filter} ${workgroup}`)
    const spec = { filter, workgroup, credit, leaseMs, owner, ...(pool === undefined ? {} : { pool }) }
    must(this.#h.engine.consume(spec) === id, 'ids of consumers count up')
    this.#observe()
  }

  #close(id: number): void {
    const consumer = this.#model.consumers.find((candidate) => candidate.id === id)
    if (consumer !== undefined) this.#model.closeConsumer(consumer)
    this.#h.engine.closeConsumer(id)
    this.#observe()
  }

  #disconnect(owner: string): void {
    const model = this.#model
    const own = model.consumers.filter((consumer) => consumer.owner === owner)
    for (const consumer of own) model.closeConsumer(consumer)
    for (const consumer of own) {
      for (const lease of [...consumer.held].toReversed()) {
        model.drop(lease)
        model.counts.lost++
        model.fail(lease.entry, 0)
      }
    }
    this.#h.engine.disconnect(owner)
    // Several tasks return one after the other, each delivered when it can be: the model takes them as returned together.
    this.#observe(true)
  }

  #heard(owner: string): void {
    this.#model.heard(owner, undefined)
    this.#h.engine.heard(owner)
    this.#observe()
  }

  #settle(command: Extract<Command, { type: 'renew' | 'ack' | 'release' }>): void {
    const model = this.#model
    const all = this.#h.leases()
    const seen = all.length === 0 ? undefined : all[all.length - 1 - (command.ofLeases % all.length)]
    if (seen === undefined) return
    const isStranger = command.type !== 'release' && command.isStranger
    const owner = isStranger ? 'stranger' : seen.owner
    const lease = isStranger ? undefined : model.leases.get(seen.id)
    model.heard(owner, lease)
    const got = this.#apply(command, seen.id, owner, lease)
    must(
      got === (lease === undefined ? 'lease-lost' : 'ok'),
      `${command.type} of a ${lease === undefined ? 'stale' : 'good'} lease said ${got}`,
    )
    this.#observe()
  }

  #apply(
    command: Extract<Command, { type: 'renew' | 'ack' | 'release' }>,
    id: number,
    owner: string,
    lease: ModelLease | undefined,
  ): string {
    const { engine } = this.#h
    const model = this.#model
    if (command.type === 'renew') {
      if (lease !== undefined) lease.expiresAt = model.now + lease.consumer.leaseMs
      return engine.renew(id, owner)
    }
    if (lease !== undefined) {
      model.drop(lease)
      model.exempt.add(lease.consumer)
    }
    if (command.type === 'ack') {
      if (lease !== undefined) model.allowed.add(lease.entry)
      const outcome = command.outcome === 0 ? 'succeed' : 'failed'
      return engine.ack(
        id,
        owner,
        outcome,
        `r${model.step}`,
        command.deadLetter ? { deadLetter: true, error: 'no' } : undefined,
      )
    }
    const { delayMs, failed } = command
    const error = `e${model.step}`
    if (lease !== undefined) {
      if (failed) lease.entry.error = error
      if (failed) model.fail(lease.entry, delayMs)
      else model.again(lease.entry, delayMs)
    }
    return engine.release(id, owner, { delayMs, failed, error })
  }

  #take(n: number): void {
    const letter = at(this.#model.letters, n)
    const { route, workgroup, tid } = letter ?? { route: 'u/a/t/x', workgroup: 'workers', tid: 'nothing' }
    this.#model.letters = this.#model.letters.filter((other) => other !== letter)
    const taken = this.#h.engine.takeDeadLetter(route, workgroup, tid)
    must((taken !== undefined) === (letter !== undefined), 'a dead letter too many or too few')
    must([...this.#h.engine.deadLetters()].length === this.#model.letters.length, 'the dead letters differ')
  }

  #pass(ms: number, tick: boolean): void {
    const { engine, effects } = this.#h
    this.#h.advance(ms)
    this.#model.now = this.#h.now()
    if (!tick) return
    const isEarly = this.#h.now() < engine.nextTickAt()
    engine.tick()
    must(!isEarly || effects.length === this.#seen, 'a tick before nextTickAt did something')
    this.#observe(true)
    this.#model.afterTick()
  }
}
