import type { AetherError } from '@aether/core'
import { Command } from 'ioredis'
import { createHash } from 'node:crypto'
import { passes, queueFull, toAetherError } from '../errors.ts'
import { Call, type DriverArgument, driverArgument } from './call.ts'
import type { ReadyQueue } from './ready-queue.ts'
import type { Argument, Reply, Script } from './redis-link.ts'
import { overLimit, type ServerLimits } from './server-limits.ts'
import type { Session } from './session.ts'

const asBytes = { replyEncoding: null } as const

/** How long a call waits that Redis refused for something that passes. */
const RETRY_MS = 50

export interface CallsOptions {
  readonly maxPending: number
  readonly connectTimeoutMs: number
}

/** What users of a link want from Redis: sent where there is a connection, waiting where there is none, settled in any case. */
export class Calls {
  readonly #options: CallsOptions
  readonly #queue: ReadyQueue
  readonly #pending = new Set<Call>()
  readonly #repeats = new Map<Call, ReturnType<typeof setTimeout>>()
  readonly #hashes = new WeakMap<Script, string>()
  readonly #onRefused: (error: Error) => void
  #session: Session | undefined
  #limits: ServerLimits = { argumentBytes: Number.POSITIVE_INFINITY, commandBytes: Number.POSITIVE_INFINITY }
  #isOver: AetherError | undefined

  /** `onRefused` hears of refusals that pass, before the call is repeated. */
  constructor(options: CallsOptions, queue: ReadyQueue, onRefused: (error: Error) => void) {
    this.#options = options
    this.#queue = queue
    this.#onRefused = onRefused
  }

  run(
    script: Script,
    keys: readonly string[],
    args: readonly Argument[],
    signal: AbortSignal | undefined,
  ): Promise<Reply> {
    const all: DriverArgument[] = [this.#hashOf(script), keys.length, ...keys]
    for (const argument of args) all.push(driverArgument(argument))
    return this.#make({ name: 'evalsha', args: all, script }, signal)
  }

  command(name: string, args: readonly Argument[], signal: AbortSignal | undefined): Promise<Reply> {
    // In capitals the driver makes no object of its reply.
    const plain = name.toUpperCase()
    return this.#make(
      { name: plain === 'HGETALL' ? plain : plain.toLowerCase(), args: args.map(driverArgument) },
      signal,
    )
  }

  /** From now on calls go there. */
  open(session: Session, limits: ServerLimits): void {
    this.#session = session
    this.#limits = limits
  }

  /** The connection ended: what was under way rejects with `error`. */
  lose(error: AetherError): void {
    this.#session = undefined
    const pending = [...this.#pending]
    this.#pending.clear()
    for (const call of pending) call.reject(error)
  }

  /** Nothing will be sent any more. */
  end(error: AetherError): void {
    this.#isOver = error
    this.lose(error)
    for (const [call, timer] of this.#repeats) {
      clearTimeout(timer)
      call.reject(error)
    }
    this.#repeats.clear()
  }

  #make(
    what: { readonly name: string; readonly args: DriverArgument[]; readonly script?: Script },
    signal: AbortSignal | undefined,
  ): Promise<Reply> {
    if (signal?.aborted === true) return Promise.reject(signal.reason)
    return new Promise((resolve, reject) => {
      this.#perform(new Call(what, { resolve, reject }, signal))
    })
  }

  #perform(call: Call): void {
    if (call.isSettled) return
    const session = this.#session
    if (session === undefined) return this.#defer(call)
    if (this.#pending.size + this.#repeats.size >= this.#options.maxPending)
      return call.reject(queueFull(this.#options.maxPending))
    const refusal = overLimit(call.args, this.#limits)
    if (refusal !== undefined) return call.reject(refusal)
    this.#pending.add(call)
    this.#send(session, call, new Command(call.name, call.args, asBytes))
  }

  /** Waits for a connection. */
  #defer(call: Call): void {
    if (this.#isOver !== undefined) return call.reject(this.#isOver)
    this.#queue.wait().then(
      () => this.#perform(call),
      (error: unknown) => call.reject(error),
    )
  }

  #send(session: Session, call: Call, command: Command): void {
    command.promise.then(
      (reply: Reply) => {
        this.#pending.delete(call)
        call.resolve(reply)
      },
      (error: Error) => {
        // Otherwise its session ended, and the call with it.
        if (this.#pending.has(call)) this.#refused(session, call, error, wasSent)
      },
    )
    session.send(command)
    // The driver refuses at once what it cannot write, so that it surely did not run.
    const wasSent = !command.isSettled
  }

  #refused(session: Session, call: Call, error: Error, wasSent: boolean): void {
    const { script } = call
    if (script !== undefined && error.message.startsWith('NOSCRIPT'))
      return this.#send(session, call, new Command('eval', [script.lua, ...call.args.slice(1)], asBytes))
    this.#pending.delete(call)
    const mayPass = !wasSent || passes(error)
    if (mayPass && !call.isSettled) {
      this.#onRefused(error)
      const now = performance.now()
      if (call.until === 0) call.until = now + this.#options.connectTimeoutMs
      if (now < call.until) return this.#repeat(call)
    }
    call.reject(toAetherError(error))
  }

  #repeat(call: Call): void {
    if (this.#isOver !== undefined) return call.reject(this.#isOver)
    const timer = setTimeout(() => {
      this.#repeats.delete(call)
      this.#perform(call)
    }, RETRY_MS)
    this.#repeats.set(call, timer)
  }

  #hashOf(script: Script): string {
    let hash = this.#hashes.get(script)
    if (hash === undefined) {
      hash = createHash('sha1').update(script.lua).digest('hex')
      this.#hashes.set(script, hash)
    }
    return hash
  }
}
