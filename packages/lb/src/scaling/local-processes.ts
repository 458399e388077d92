import type { Backend } from '../backends/backend.ts'
import type { Balancer } from '../balancer.ts'
import { checkCount } from '../check-options.ts'
import { closedError } from '../errors.ts'
import { log } from '../observe/event-log.ts'
import { reasonText } from '../reason-text.ts'
import type { ScaleOptions, Scaler } from './autoscaler.ts'
import {
  type CheckedLocalProcesses,
  checkLocalProcesses,
  type LocalProcessesOptions,
} from './local-processes-options.ts'
import { describe, host, ManagedProcess } from './managed-process.ts'
import { reservePort } from './reserve-port.ts'

export type { LocalProcessesOptions } from './local-processes-options.ts'

/** A scaler of processes on this machine. */
export interface LocalProcesses extends Scaler {
  /** Ids of the processes that run, the oldest first. */
  readonly pids: readonly number[]
  scale(count: number, options?: ScaleOptions): Promise<void>
  /** Stops all of them: requests under way may end, new ones come no more. */
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/** A place for a process, with the name that its backend keeps over restarts, so that hashes lead there again. */
interface Place {
  readonly id: string
  child: ManagedProcess | undefined
  backend: Backend | undefined
  restart: NodeJS.Timeout | undefined
  readyAt: number
  /** Ends soon after another. */
  ends: number
  /** Settles once it is stopped, or stays after all. */
  stopping: Promise<void> | undefined
}

/**
 * A scaler whose backends are processes on this machine. Each gets a free port and joins the balancer once it is ready; one that ends by itself leaves it at
 * once and is started anew after a pause. Stopping drains, removes, sends SIGTERM, and kills what does not end. What this process leaves behind when it ends in
 * whatever way, even by SIGKILL, is killed (on systems with a POSIX shell).
 */
export function localProcesses(balancer: Balancer, options: LocalProcessesOptions): LocalProcesses {
  return new ProcessScaler(balancer, options)
}

class ProcessScaler implements LocalProcesses {
  private readonly places: Place[] = []
  private readonly ports = new Set<number>()
  private readonly closed = new AbortController()
  private closing: Promise<void> | undefined = undefined
  private readonly balancer: Balancer
  private readonly options: CheckedLocalProcesses

  constructor(balancer: Balancer, options: LocalProcessesOptions) {
    this.balancer = balancer
    this.options = checkLocalProcesses(options)
  }

  get count(): number {
    return this.places.filter((place) => place.stopping === undefined).length
  }

  get pids(): readonly number[] {
    return this.places.flatMap(({ backend, child }) => (backend === undefined ? [] : (child?.pid ?? [])))
  }

  async scale(count: number, options: Partial<ScaleOptions> = {}): Promise<void> {
    checkCount(count, 'count', 0)
    if (this.closed.signal.aborted) throw closedError()
    const signals = [this.closed.signal, ...(options.signal === undefined ? [] : [options.signal])]
    const staying = this.places.filter((place) => place.stopping === undefined)
    const missing = Math.max(0, count - staying.length)
    await settleAll([
      ...Array.from({ length: missing }, () => this.open(AbortSignal.any(signals))),
      // The newest go first: the oldest have warm caches, and most sessions.
      ...staying.slice(count).map((place) => this.stop(place, false)),
    ])
  }

  close(): Promise<void> {
    this.closing ??= this.shutDown()
    return this.closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  private async shutDown(): Promise<void> {
    this.closed.abort(closedError())
    await settleAll(this.places.map((place) => this.stopForGood(place)))
  }

  /** A new place whose process is ready; without one where it fails. */
  private async open(signal: AbortSignal): Promise<void> {
    let number = 1
    const idOf = (): string => `${this.options.name}-${number}`
    while (this.places.some(({ id }) => id === idOf())) number++
    const place: Place = {
      id: idOf(),
      child: undefined,
      backend: undefined,
      restart: undefined,
      readyAt: 0,
      ends: 0,
      stopping: undefined,
    }
    this.places.push(place)
    try {
      await this.start(place, signal)
    } catch (error) {
      this.leave(place)
      throw error
    }
  }

  private async start(place: Place, signal: AbortSignal): Promise<void> {
    const port = await reservePort(host, this.ports)
    let child: ManagedProcess | undefined
    try {
      signal.throwIfAborted()
      if (place.stopping !== undefined) throw closedError()
      child = new ManagedProcess(port, this.options)
      place.child = child
      await child.untilReady(signal)
      signal.throwIfAborted()
      // It was to be stopped while it started.
      if (place.stopping !== undefined) throw closedError()
      place.backend = this.balancer.add({ ...this.options.backend, id: place.id, host, port })
    } catch (error) {
      child?.kill()
      await child?.ended
      this.ports.delete(port)
      throw error
    }
    // No promise of it rejects.
    void child.ended.then(() => this.ports.delete(port))
    place.readyAt = performance.now()
    log(this.options.logger, 'info', 'process-started', { backendId: place.id, pid: child.pid, port })
    void child.exited.then(() => this.onEnd(place, child))
  }

  /** It leaves the balancer at once, and comes back after a pause, unless it was asked to end. */
  private onEnd(place: Place, child: ManagedProcess): void {
    if (place.child !== child || child.exit === undefined) return
    this.removeBackend(place)
    if (place.stopping !== undefined) return
    const { restartMs, maxRestartMs, logger } = this.options
    if (performance.now() - place.readyAt >= maxRestartMs) place.ends = 0
    const delayMs = Math.min(maxRestartMs, restartMs * 2 ** Math.min(place.ends++, 30))
    log(logger, 'warn', 'process-ended', {
      backendId: place.id,
      pid: child.pid,
      reason: describe(child.exit),
      output: child.tail,
      restartMs: delayMs,
    })
    this.planRestart(place, delayMs)
  }

  private planRestart(place: Place, delayMs: number): void {
    place.restart = setTimeout(() => {
      place.restart = undefined
      // What goes wrong is logged, and tried again.
      void this.startAgain(place)
    }, delayMs)
    place.restart.unref()
  }

  private async startAgain(place: Place): Promise<void> {
    const { restartMs, maxRestartMs, logger } = this.options
    try {
      await this.start(place, this.closed.signal)
    } catch (error) {
      if (place.stopping !== undefined || this.closed.signal.aborted) return
      const delayMs = Math.min(maxRestartMs, restartMs * 2 ** Math.min(place.ends++, 30))
      log(logger, 'error', 'process-failed', {
        backendId: place.id,
        reason: reasonText(error),
        restartMs: delayMs,
      })
      this.planRestart(place, delayMs)
    }
  }

  private async stop(place: Place, force: boolean): Promise<void> {
    clearTimeout(place.restart)
    place.stopping = this.end(place, force)
    try {
      await place.stopping
    } catch (error) {
      // Its group needs it: it stays.
      place.stopping = undefined
      throw error
    }
    this.leave(place)
  }

  /** One that stops already is waited for, and stopped again if its group has kept it. */
  private async stopForGood(place: Place): Promise<void> {
    try {
      await place.stopping
    } catch {
      // Whoever asked for that is told.
    }
    if (place.stopping === undefined) await this.stop(place, true)
  }

  private async end(place: Place, force: boolean): Promise<void> {
    const { backend, child } = place
    if (backend !== undefined && this.balancer.backends.includes(backend)) {
      await this.balancer.drain(place.id, { force, timeoutMs: this.options.stopTimeoutMs })
      this.removeBackend(place)
    }
    await child?.stop()
  }

  private removeBackend(place: Place): void {
    const { backend } = place
    place.backend = undefined
    if (backend !== undefined && this.balancer.backends.includes(backend))
      this.balancer.remove(place.id, { force: true })
  }

  private leave(place: Place): void {
    const index = this.places.indexOf(place)
    if (index >= 0) this.places.splice(index, 1)
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
