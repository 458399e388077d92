import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Arrangement, Recipe, Service } from './service.ts'
import { Watchdog } from './watchdog.ts'

const taken = /address already in use/i
const pollMs = 5
const stopTimeoutMs = 10_000

/** Starts a server as the recipe says; on other ports where those it chose were taken meanwhile. */
export async function startSupervised<A extends Arrangement>(recipe: Recipe<A>): Promise<Supervised<A>> {
  for (let attempt = 1; ; attempt++) {
    const home = await mkdtemp(join(tmpdir(), `aether-${recipe.name}-`))
    const watchdog = new Watchdog(home)
    let service: Supervised<A> | undefined
    try {
      service = new Supervised(recipe, home, await recipe.arrange(home, recipe.folder ?? home), watchdog)
      await service.start()
      return service
    } catch (error) {
      await (service?.close() ?? watchdog.dismiss())
      if (!recipe.mayMove || attempt === 10 || !taken.test(String(error))) throw error
    }
  }
}

/** One server process after another on the same port and folder. */
export class Supervised<A extends Arrangement> implements Service {
  readonly arrangement: A
  readonly folder: string
  readonly #recipe: Recipe<A>
  readonly #home: string
  readonly #watchdog: Watchdog
  #child: ChildProcess | undefined
  #exited: Promise<void> = Promise.resolve()
  #finalLog: string | undefined
  #closing: Promise<void> | undefined

  constructor(recipe: Recipe<A>, home: string, arrangement: A, watchdog: Watchdog) {
    this.#recipe = recipe
    this.#home = home
    this.#watchdog = watchdog
    this.arrangement = arrangement
    this.folder = recipe.folder ?? home
  }

  get port(): number {
    return this.arrangement.port
  }

  get url(): string {
    return this.arrangement.url
  }

  get pid(): number {
    return this.#child?.pid ?? 0
  }

  get version(): string {
    return this.#recipe.version.exec(this.log())?.[1] ?? 'unknown'
  }

  readonly log = (): string => {
    if (this.#finalLog !== undefined) return this.#finalLog
    try {
      return readFileSync(this.#logPath, 'utf8')
    } catch {
      return ''
    }
  }

  get #logPath(): string {
    return join(this.#home, 'server.log')
  }

  /** Resolves when the server says that it listens. */
  async start(): Promise<void> {
    const { name, program, readyTimeoutMs, ready } = this.#recipe
    const before = this.log().length
    this.#spawn(program)
    const until = performance.now() + readyTimeoutMs
    const said = (): string => this.log().slice(before)
    while (!ready.test(said())) {
      if (!this.isRunning)
        throw new Error(`${name} ended before it listened on port ${this.port}:\n${tail(said())}`)
      if (performance.now() > until) {
        await this.kill()
        throw new Error(
          `${name} did not listen on port ${this.port} within ${readyTimeoutMs} ms:\n${tail(said())}`,
        )
      }
      await new Promise((resolve) => setTimeout(resolve, pollMs))
    }
  }

  #spawn(program: string): void {
    const log = openSync(this.#logPath, 'a')
    const child = spawn(program, this.arrangement.args, {
      cwd: this.folder,
      stdio: ['ignore', log, log],
    })
    closeSync(log)
    if (child.pid !== undefined) this.#watchdog.watch(child.pid)
    this.#child = child
    this.#exited = new Promise((resolve) => {
      const end = (): void => {
        // A later start may have named its own pid already.
        if (this.#child === child) this.#watchdog.forget()
        resolve()
      }
      child.once('exit', end)
      child.once('error', end)
    })
    // A test that forgot to close ends all the same, and the watchdog sees to the rest.
    child.unref()
  }

  get isRunning(): boolean {
    const child = this.#child
    return child?.pid !== undefined && child.exitCode === null && child.signalCode === null
  }

  kill(): Promise<void> {
    return this.#end('SIGKILL')
  }

  async #end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    if (!this.isRunning) return
    const child = this.#child as ChildProcess
    child.ref()
    child.kill(signal)
    if (signal === 'SIGTERM') child.kill('SIGCONT')
    const killer = setTimeout(() => child.kill('SIGKILL'), stopTimeoutMs)
    await this.#exited
    clearTimeout(killer)
  }

  async restart(): Promise<void> {
    this.#refuseClosed()
    await this.#end('SIGTERM')
    // It may have been closed while it ended.
    this.#refuseClosed()
    await this.start()
  }

  freeze(): void {
    this.#signal('SIGSTOP')
  }

  thaw(): void {
    this.#signal('SIGCONT')
  }

  /** Only to one that runs: where it could not be started, `kill` would signal pid 0, the whole group of this process. */
  #signal(signal: 'SIGCONT' | 'SIGSTOP'): void {
    this.#refuseClosed()
    if (this.isRunning) this.#child?.kill(signal)
  }

  #refuseClosed(): void {
    if (this.#closing !== undefined) throw new Error(`this ${this.#recipe.name} is closed`)
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close())
  }

  async #close(): Promise<void> {
    await this.kill()
    this.#finalLog = this.log()
    await this.#watchdog.dismiss()
    await rm(this.#home, { recursive: true, force: true })
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

function tail(log: string): string {
  return log.trim().split('\n').slice(-15).join('\n')
}
