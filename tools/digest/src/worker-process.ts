import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

export interface WorkerProcessOptions {
  readonly name: string
  /** The program and what stands before its own arguments. */
  readonly command: readonly [string, ...string[]]
  readonly env: Readonly<Record<string, string | undefined>>
  /** How long it may take to say that it is ready. @default 30_000 */
  readonly readyTimeoutMs?: number
}

export interface WorkerExit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  /** The last thing it complained about, in its own words. */
  readonly complaint: string | undefined
}

/** One `apps/worker` process. */
export interface WorkerProcess {
  readonly name: string
  readonly pid: number
  /** Resolves when tasks come through to it; rejects when it ends before, or takes too long. */
  readonly ready: Promise<void>
  /** Resolves, never rejects, when the process is gone. */
  readonly exited: Promise<WorkerExit>
  kill(signal: NodeJS.Signals): void
}

/** A line of its log, as far as it matters here. */
interface LogLine {
  readonly level?: number
  readonly msg?: string
  readonly error?: { readonly message?: string } | string
}

/** pino's number for an error. */
const errorLevel = 50

export function workerProcess(options: WorkerProcessOptions): WorkerProcess {
  const { name, command, env, readyTimeoutMs = 30_000 } = options
  const [program, ...args] = command
  // In a process group of its own, so that Ctrl-C reaches it through us, once, and not twice. When we are gone its standard input ends, and it stops too.
  const child = spawn(program, args, { env, stdio: ['pipe', 'pipe', 'pipe'], detached: true })
  let complaint: string | undefined
  child.stdin.on('error', () => undefined)

  const exited = new Promise<WorkerExit>((resolve) => {
    child.once('error', (error) => {
      complaint = error.message
      if (child.pid === undefined) resolve({ code: null, signal: null, complaint })
    })
    child.once('close', (code, signal) => resolve({ code, signal, complaint }))
  })
  const ready = new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new Error(`${name} was not ready within ${readyTimeoutMs} ms`))
    }, readyTimeoutMs)
    onLogLines(child, (line) => {
      if ((line.level ?? 0) >= errorLevel) complaint = complaintOf(line)
      if (line.msg !== 'ready') return
      clearTimeout(timer)
      resolve()
    })
    void exited.then((exit) => {
      clearTimeout(timer)
      reject(new Error(`${name} ended before it was ready: ${describeExit(exit)}`))
    })
  })
  // Whoever starts a worker may only watch for its exit.
  ready.catch(() => undefined)
  return {
    name,
    pid: child.pid ?? 0,
    ready,
    exited,
    kill(signal) {
      // Until it has said so, Node takes a child that did not start for process 0, and that is the group of this process.
      if (child.pid !== undefined) child.kill(signal)
    },
  }
}

export function describeExit({ code, signal, complaint }: WorkerExit): string {
  const how = signal === null ? `exit code ${code ?? 'unknown'}` : signal
  return complaint === undefined ? how : `${how}: ${complaint}`
}

function onLogLines(child: ChildProcess, handler: (line: LogLine) => void): void {
  for (const stream of [child.stdout, child.stderr]) {
    if (stream === null) continue
    createInterface({ input: stream }).on('line', (text) => handler(parsed(text)))
  }
}

/** What is no log line (a crash of Node itself, say) is a complaint. */
function parsed(text: string): LogLine {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null) return value
  } catch {
    // Falls through: it is plain text.
  }
  return text.trim() === '' ? {} : { level: errorLevel, msg: text }
}

function complaintOf({ msg = '', error }: LogLine): string {
  const detail = typeof error === 'string' ? error : error?.message
  return detail === undefined ? msg : `${msg}: ${detail}`
}
