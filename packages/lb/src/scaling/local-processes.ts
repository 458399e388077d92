import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { Backend, BackendOptions } from '../backends/backend.ts'
import type { Balancer } from '../balancer.ts'
import { checkFields, checkMs, checkText, checkTexts } from '../check-options.ts'
import { LbError } from '../errors.ts'
import type { ScaleOptions, Scaler } from './autoscaler.ts'

export interface LocalProcessesOptions {
  /** The program; it must listen on `127.0.0.1` at the port that it is given. */
  readonly command: string
  /** `{port}` in them becomes the port. @default [] */
  readonly args?: readonly string[]
  /** All of its environment, where `PORT` is added. @default that of this process, without `PORT` */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** How long a process may take until it listens. @default 10_000 */
  readonly startTimeoutMs?: number
  /** How long one that stops may take for its requests, and then again to end, before it is killed. @default 10_000 */
  readonly stopTimeoutMs?: number
  /** What its backends are like: weight, zone, group and so on. */
  readonly backend?: Omit<BackendOptions, 'id' | 'host' | 'port'>
}

interface Running {
  readonly child: ChildProcess
  readonly backend: Backend
  readonly ended: Promise<unknown>
}

export interface LocalProcesses extends Scaler {
  /** Ids of the processes, the oldest first. */
  readonly pids: readonly number[]
  scale(count: number, options?: ScaleOptions): Promise<void>
  /** Stops all of them. */
  close(): Promise<void>
}

const pollMs = 20
const host = '127.0.0.1'

/**
 * A scaler whose backends are processes on this machine. Each gets a free port and joins the balancer once it listens there; one that ends by itself leaves it,
 * and is counted no more. Stopping drains, removes, sends SIGTERM, and kills what does not end.
 */
export function localProcesses(balancer: Balancer, options: LocalProcessesOptions): LocalProcesses {
  return new ProcessScaler(balancer, options)
}

class ProcessScaler implements LocalProcesses {
  private readonly running = new Map<string, Running>()
  private readonly starting = new Set<ChildProcess>()
  private isClosed = false
  private readonly balancer: Balancer
  private readonly options: Required<Omit<LocalProcessesOptions, 'env'>> & Pick<LocalProcessesOptions, 'env'>

  constructor(balancer: Balancer, options: LocalProcessesOptions) {
    checkFields(options, 'localProcesses', [
      'command',
      'args',
      'env',
      'startTimeoutMs',
      'stopTimeoutMs',
      'backend',
    ])
    this.balancer = balancer
    this.options = {
      command: checkText(options.command, 'command'),
      args: checkTexts(options.args ?? [], 'args'),
      ...(options.env !== undefined && { env: { ...options.env } }),
      startTimeoutMs: checkMs(options.startTimeoutMs ?? 10_000, 'startTimeoutMs'),
      stopTimeoutMs: checkMs(options.stopTimeoutMs ?? 10_000, 'stopTimeoutMs'),
      backend: { ...options.backend },
    }
  }

  get count(): number {
    return this.running.size
  }

  get pids(): readonly number[] {
    return [...this.running.values()].flatMap(({ child }) => child.pid ?? [])
  }

  async scale(count: number): Promise<void> {
    if (this.isClosed) throw new LbError('ERR_AETHER_BALANCER_CLOSED', 'the local processes were closed')
    const missing = count - this.running.size
    if (missing > 0) await settleAll(Array.from({ length: missing }, () => this.startOne()))
    // The newest go first: the oldest have warm caches, and most sessions.
    else await settleAll([...this.running.keys()].slice(count).map((id) => this.stopOne(id, {})))
  }

  async close(): Promise<void> {
    this.isClosed = true
    for (const child of this.starting) child.kill('SIGKILL')
    await settleAll([...this.running.keys()].map((id) => this.stopOne(id, { force: true })))
  }

  private async startOne(): Promise<void> {
    const { command, args, env, backend } = this.options
    const port = await freePort()
    const child = spawn(
      command,
      args.map((arg) => arg.replaceAll('{port}', String(port))),
      { stdio: 'ignore', ...(env !== undefined && { env: { ...env, PORT: String(port) } }) },
    )
    const ended = new Promise((resolve) => {
      child.once('error', resolve)
      child.once('exit', resolve)
    })
    this.starting.add(child)
    try {
      await this.untilListening(child, port, ended)
      if (this.isClosed) throw new LbError('ERR_AETHER_BALANCER_CLOSED', 'the local processes were closed')
      const added = this.balancer.add({ ...backend, id: `process-${child.pid}:${port}`, host, port })
      this.running.set(added.id, { child, backend: added, ended })
      // An end that nobody asked for takes the backend out; nothing in it can fail.
      void ended.then(() => this.forget(added.id))
    } catch (error) {
      child.kill('SIGKILL')
      throw error
    } finally {
      this.starting.delete(child)
    }
  }

  private async untilListening(child: ChildProcess, port: number, ended: Promise<unknown>): Promise<void> {
    const { startTimeoutMs, command } = this.options
    let hasEnded: { readonly with: unknown } | undefined
    void ended.then((value) => (hasEnded = { with: value }))
    const giveUpAt = performance.now() + startTimeoutMs
    while (!(await canConnect(port))) {
      const isLate = performance.now() > giveUpAt
      if (hasEnded === undefined && !isLate) {
        await new Promise((resolve) => setTimeout(resolve, pollMs))
        continue
      }
      const why = isLate ? `did not listen within ${startTimeoutMs} ms` : 'ended before it listened'
      const cause = hasEnded?.with instanceof Error ? { cause: hasEnded.with } : {}
      throw new LbError(
        'ERR_AETHER_BACKENDS_NONE',
        `"${command}" (${child.pid ?? 'no process'}) ${why}`,
        cause,
      )
    }
  }

  private async stopOne(id: string, options: { readonly force?: boolean }): Promise<void> {
    const process = this.running.get(id)
    if (process === undefined) return
    const { stopTimeoutMs } = this.options
    if (this.balancer.backends.includes(process.backend)) {
      await this.balancer.drain(id, { ...options, timeoutMs: stopTimeoutMs })
      this.forget(id)
    }
    this.running.delete(id)
    process.child.kill('SIGTERM')
    const killer = setTimeout(() => process.child.kill('SIGKILL'), stopTimeoutMs)
    await process.ended
    clearTimeout(killer)
  }

  private forget(id: string): void {
    const process = this.running.get(id)
    this.running.delete(id)
    if (process !== undefined && this.balancer.backends.includes(process.backend))
      this.balancer.remove(id, { force: true })
  }
}

/** All of them, then the errors: one that fails must not leave the others half done. */
async function settleAll(tasks: readonly Promise<void>[]): Promise<void> {
  const failed = (await Promise.allSettled(tasks)).flatMap((each) =>
    each.status === 'rejected' ? [each.reason as unknown] : [],
  )
  if (failed.length === 1) throw failed[0]
  if (failed.length > 1) throw new AggregateError(failed, `${failed.length} processes failed`)
}

async function freePort(): Promise<number> {
  const server = createServer()
  server.listen(0, host)
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address !== null ? address.port : 0
}

function canConnect(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port })
    socket.on('error', () => resolve(false))
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
  })
}
