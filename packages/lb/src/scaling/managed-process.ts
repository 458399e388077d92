import { type ChildProcess, spawn } from 'node:child_process'
import { platform } from 'node:os'
import { env as ownEnv, kill } from 'node:process'
import type { Backend } from '../backends/backend.ts'
import { LbError } from '../errors.ts'
import type { Probe } from '../health/probe.ts'
import { resultOf } from '../health/probe.ts'
import { reasonText } from '../reason-text.ts'

export interface ManagedProcessOptions {
  readonly command: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>> | undefined
  readonly cwd: string | undefined
  readonly ready: Probe
  readonly startTimeoutMs: number
  readonly stopTimeoutMs: number
}

/** How a process ended, or that it never began. */
export interface Exit {
  readonly code: number | null
  readonly signal: string | null
  readonly error: Error | undefined
}

export const host = '127.0.0.1'

/** Of what a process writes the last part is kept, to tell why it ended; the rest is gone. */
const outputLimit = 4_096
const firstPollMs = 10
const longestPollMs = 200
const probeTimeoutMs = 2_000
const readOutMs = 500
/** Windows has neither process groups nor this shell. */
const hasGroups = platform() !== 'win32'
/** Waits until its input ends, which it does with this process however it ends, and kills the group then. */
const guardScript = 'read -r _; kill -s KILL -- "-$0"'

/**
 * One process of a local scaler, with all that it starts itself: it leads a process group, and signals go to the group. A guard beside it ends the group when
 * this process is gone without having done so.
 */
export class ManagedProcess {
  /** It is gone. */
  readonly exited: Promise<void>
  /** And nothing of it is left here: what it wrote has been read. */
  readonly ended: Promise<void>
  exit: Exit | undefined = undefined
  readonly port: number
  private output = ''
  private isStopping = false
  private isOver = false
  private readonly child: ChildProcess
  private readonly guard: ChildProcess | undefined
  private readonly options: ManagedProcessOptions

  constructor(port: number, options: ManagedProcessOptions) {
    this.port = port
    this.options = options
    this.child = spawnChild(port, options)
    const { child } = this
    this.keepOutput()
    this.guard = hasGroups && child.pid !== undefined ? guardGroup(child.pid) : undefined
    this.exited = new Promise((resolve) => {
      child.on('error', (error) => {
        // An error after the start, such as a signal that could not be sent, ends nothing.
        if (child.pid !== undefined) return
        this.exit ??= { code: null, signal: null, error }
        resolve()
      })
      child.once('exit', (code, signal) => {
        this.exit ??= { code, signal, error: undefined }
        resolve()
      })
    })
    this.ended = this.exited.then(() => this.readOut())
  }

  get pid(): number | undefined {
    return this.child.pid
  }

  /** The end of what it wrote. */
  get tail(): string {
    return this.output
  }

  /** Resolves once it answers; rejects when it ends or its time is over, and on abort. `ERR_AETHER_BACKENDS_NONE`. */
  async untilReady(signal: AbortSignal): Promise<void> {
    const giveUpAt = performance.now() + this.options.startTimeoutMs
    let pauseMs = firstPollMs
    for (;;) {
      signal.throwIfAborted()
      const isReady = await this.isReady()
      // Whoever answers at the port of a process that is gone is somebody else.
      if (this.exit !== undefined) {
        await this.ended
        throw this.failure(`ended before it was ready (${describe(this.exit)})`)
      }
      if (isReady) return
      if (performance.now() > giveUpAt)
        throw this.failure(`was not ready within ${this.options.startTimeoutMs} ms`)
      await this.pause(pauseMs)
      pauseMs = Math.min(longestPollMs, pauseMs * 2)
    }
  }

  /** SIGTERM, and SIGKILL for what does not heed it in time. */
  async stop(): Promise<void> {
    this.isStopping = true
    this.signal('SIGTERM')
    const killer = setTimeout(() => this.kill(), this.options.stopTimeoutMs)
    await this.ended
    clearTimeout(killer)
  }

  kill(): void {
    this.signal('SIGKILL')
  }

  private signal(name: 'SIGTERM' | 'SIGKILL'): void {
    const { pid } = this.child
    if (pid === undefined || this.isOver) return
    try {
      if (hasGroups) kill(-pid, name)
      else this.child.kill(name)
    } catch {
      // It has just ended by itself.
    }
  }

  private async isReady(): Promise<boolean> {
    try {
      const target = { host, hostname: host, port: this.port }
      // The probes that can be chosen look at nothing else of a backend.
      const found = await this.options.ready(target as Backend, AbortSignal.timeout(probeTimeoutMs))
      return resultOf(found) !== 'unhealthy'
    } catch {
      return false
    }
  }

  private async pause(ms: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    await Promise.race([this.exited, new Promise((resolve) => (timer = setTimeout(resolve, ms)))])
    clearTimeout(timer)
  }

  private keepOutput(): void {
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.setEncoding('utf8')
      stream?.on('data', (text: string) => {
        this.output = (this.output + text).slice(-outputLimit)
      })
      // Nothing depends on what it says.
      stream?.on('error', () => {})
    }
  }

  /**
   * Until nobody in the group holds its streams: what it has started may take its own time to end after a SIGTERM. What it leaves behind otherwise is of no use
   * to anybody.
   */
  private async readOut(): Promise<void> {
    const streams = [this.child.stdout, this.child.stderr].filter((stream) => stream?.closed === false)
    if (!this.isStopping) this.guard?.stdin?.end()
    // Whoever has left the group may hold them for ever.
    const patienceMs = readOutMs + (this.isStopping ? this.options.stopTimeoutMs : 0)
    const timer = setTimeout(() => streams.forEach((stream) => stream?.destroy()), patienceMs)
    await Promise.all(streams.map((stream) => new Promise((resolve) => stream?.once('close', resolve))))
    clearTimeout(timer)
    this.isOver = true
    this.guard?.stdin?.end()
  }

  private failure(what: string): LbError {
    const { command } = this.options
    return new LbError('ERR_AETHER_BACKENDS_NONE', `"${command}" (${this.pid ?? 'no process'}) ${what}`, {
      cause: this.exit?.error,
      detail: { command, pid: this.pid, ...this.exit, output: this.tail },
    })
  }
}

function spawnChild(port: number, options: ManagedProcessOptions): ChildProcess {
  const { command, args, env = ownEnv, cwd } = options
  const given = args.map((arg) => arg.replaceAll('{port}', String(port)))
  try {
    return spawn(command, given, {
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: hasGroups,
      windowsHide: true,
      env: { ...env, PORT: String(port) },
      ...(cwd !== undefined && { cwd }),
    })
  } catch (error) {
    // A command or an argument that no system takes.
    throw new LbError('ERR_AETHER_OPTIONS_INVALID', `"${command}" cannot be started: ${reasonText(error)}`, {
      cause: error,
    })
  }
}

/** Without a shell, or where the system can start nothing more, there is none, and all else works. */
function guardGroup(pid: number): ChildProcess | undefined {
  try {
    const guard: ChildProcess = spawn('/bin/sh', ['-c', guardScript, String(pid)], {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
    })
    guard.on('error', () => {})
    guard.stdin?.on('error', () => {})
    guard.unref()
    return guard
  } catch {
    return undefined
  }
}

export function describe({ code, signal, error }: Exit): string {
  if (error !== undefined) return error.message
  return signal === null ? `exit code ${code}` : `signal ${signal}`
}
