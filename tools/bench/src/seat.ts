import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Answer, Order } from './child.ts'
import type { RoleSpec, Round, RoundResult } from './roles/role.ts'

type OrderBody = { [K in Order['kind']]: Omit<Extract<Order, { kind: K }>, 'id'> }[Order['kind']]

interface Pending {
  readonly resolve: (result: RoundResult | number | undefined) => void
  readonly reject: (error: Error) => void
  readonly armed: (() => void) | undefined
}

/** A started round: `armed` once the process listens, `done` when its part is over. */
export interface SeatRound {
  readonly armed: Promise<void>
  readonly done: Promise<RoundResult>
}

/** One process of a benchmark, as the harness sees it. */
export class Seat {
  readonly #child: ChildProcess
  readonly #pending = new Map<number, Pending>()
  #nextId = 0

  private constructor(child: ChildProcess) {
    this.#child = child
    child.on('message', (answer: Answer) => this.#settle(answer))
    child.on('exit', (code, signal) => {
      for (const waiting of this.#pending.values())
        waiting.reject(new Error(`a benchmark process ended early (${signal ?? code})`))
      this.#pending.clear()
    })
  }

  /** Starts the process; with `execArgv` it is told to profile itself, say. */
  static async open(spec: RoleSpec, execArgv: readonly string[] = []): Promise<Seat> {
    const entry = fileURLToPath(new URL('./child.js', import.meta.url))
    const seat = new Seat(
      fork(entry, { execArgv: [...execArgv], stdio: ['ignore', 'inherit', 'inherit', 'ipc'] }),
    )
    await seat.#ask({ kind: 'be', spec }, 30_000)
    return seat
  }

  round(round: Round, deadlineMs: number): SeatRound {
    let armed: () => void = () => undefined
    const isArmed = new Promise<void>((resolve) => (armed = resolve))
    const done = this.#ask({ kind: 'round', round }, deadlineMs, armed) as Promise<RoundResult>
    return { armed: Promise.race([isArmed, done.then(() => undefined)]), done }
  }

  /** CPU time this process has used, in microseconds. */
  async cpuUs(): Promise<number> {
    return (await this.#ask({ kind: 'cpu' }, 10_000)) as number
  }

  async close(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const exited = new Promise((resolve) => this.#child.once('exit', resolve))
    const killer = setTimeout(() => this.#child.kill('SIGKILL'), 10_000)
    await this.#ask({ kind: 'close' }, 10_000).catch(() => undefined)
    if (this.#child.connected) this.#child.disconnect()
    await exited
    clearTimeout(killer)
  }

  #ask(order: OrderBody, deadlineMs: number, armed?: () => void): Promise<RoundResult | number | undefined> {
    const id = this.#nextId++
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#pending.delete(id)
        reject(new Error(`a benchmark process did not answer '${order.kind}' within ${deadlineMs} ms`))
      }, deadlineMs)
      const settled =
        <T>(settle: (value: T) => void) =>
        (value: T): void => {
          clearTimeout(timer)
          settle(value)
        }
      this.#pending.set(id, { resolve: settled(resolve), reject: settled(reject), armed })
      this.#child.send({ id, ...order })
    })
  }

  #settle(answer: Answer): void {
    const waiting = this.#pending.get(answer.id)
    if (waiting === undefined) return
    if (answer.kind === 'armed') {
      waiting.armed?.()
      return
    }
    this.#pending.delete(answer.id)
    if (answer.kind === 'done') waiting.resolve(answer.result)
    else waiting.reject(new Error(answer.message))
  }
}
