import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { execPath, kill } from 'node:process'
import { fileURLToPath } from 'node:url'

import type { Link, WorkerExit, WorkerHandle, WorkerSpec } from '../harness.ts'
import type { RecordEntry } from '../history/history.ts'
import type { WorkerMessage, WorkerStart } from './worker-message.ts'

export interface WorkerProcessOptions {
  readonly spec: WorkerSpec
  /** Takes what the worker saw, as it happens. */
  readonly record: (entry: RecordEntry) => void
  /** A `WorkerTransportModule`: `new URL('./support/worker-transport.ts', import.meta.url)`. */
  readonly transportModule: URL
  /** Handed to its `createTransport`; anything that JSON carries. */
  readonly transportOptions: unknown
  /** Cuts and heals the worker's own connection, usually a fault proxy before it. Without it `cut` and `heal` reject. */
  readonly link?: Pick<Link, 'cut' | 'heal'>
  /**
   * Arguments of node itself; a `transportModule` in TypeScript needs a loader among them.
   * @default none; inside this workspace `['--conditions=@aether/source', '--import', 'tsx']`
   */
  readonly execArgv?: readonly string[]
}

const sourceArgv = ['--conditions=@aether/source', '--import', 'tsx']

/**
 * Starts a real process that works through the known workload, and resolves when it consumes. `kill` is SIGKILL, `freeze` SIGSTOP, `thaw` SIGCONT.
 * End it with `stop` or `kill`: the process does not outlive its parent's channel.
 */
export async function spawnWorkerProcess(options: WorkerProcessOptions): Promise<WorkerHandle> {
  const start: WorkerStart = {
    spec: options.spec,
    transportModule: options.transportModule.href,
    transportOptions: options.transportOptions,
  }
  const isSource = import.meta.url.endsWith('.ts')
  const entry = fileURLToPath(new URL(`./worker-process.${isSource ? 'ts' : 'js'}`, import.meta.url))
  const execArgv = options.execArgv ?? (isSource ? sourceArgv : [])
  const child = fork(entry, [JSON.stringify(start)], {
    execPath,
    execArgv: [...execArgv],
    serialization: 'json',
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const exited = endOf(child)
  const handle = handleOf(child, options, exited)
  try {
    await started(child, options, exited)
  } catch (error) {
    // Nobody else has hold of it.
    if (child.pid !== undefined) await handle.kill()
    throw error
  }
  return handle
}

/** Both its end and that of its channel: what it said last has been heard by then. */
function endOf(child: ChildProcess): Promise<WorkerExit> {
  const disconnected = new Promise<void>((resolve) => {
    child.once('disconnect', resolve)
  })
  return new Promise((resolve) => {
    child.once('exit', (code, signal) => void disconnected.then(() => resolve({ code, signal })))
  })
}

function started(
  child: ChildProcess,
  options: WorkerProcessOptions,
  exited: Promise<WorkerExit>,
): Promise<void> {
  return new Promise((resolve, reject) => {
    child.on('message', (raw) => {
      const message = raw as WorkerMessage
      if (message.type === 'entry') options.record(message.entry)
      else if (message.type === 'ready') resolve()
      else if (message.type === 'failed')
        reject(new Error(`worker ${options.spec.name} failed to start: ${message.message}`))
    })
    child.once('error', reject)
    void exited.then(({ code, signal }) => {
      reject(new Error(`worker ${options.spec.name} ended at its start: ${String(code ?? signal)}`))
    })
  })
}

function handleOf(
  child: ChildProcess,
  options: WorkerProcessOptions,
  exited: Promise<WorkerExit>,
): WorkerHandle {
  const { spec, link } = options
  const isRunning = (): boolean => child.exitCode === null && child.signalCode === null
  const signal = (name: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): Promise<void> => {
    if (child.pid !== undefined && isRunning()) kill(child.pid, name)
    return Promise.resolve()
  }
  const fault = (call: (() => Promise<void>) | undefined): Promise<void> =>
    call?.() ?? Promise.reject(new Error(`worker ${spec.name} was given no link to cut`))
  return {
    name: spec.name,
    pid: child.pid,
    async kill() {
      await signal('SIGKILL')
      await exited
    },
    freeze: () => signal('SIGSTOP'),
    thaw: () => signal('SIGCONT'),
    cut: () => fault(link && (() => link.cut())),
    heal: () => fault(link && (() => link.heal())),
    async stop() {
      await signal('SIGCONT')
      if (isRunning() && child.connected) child.send({ type: 'stop' })
      await exited
    },
    exited,
  }
}
