import { type ChildProcessByStdio, spawn } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'

import { until } from '@aether/testing'
import { onTestFinished } from 'vitest'

/** A program of this workspace in a process of its own, killed when the test is over. */
export interface Child {
  readonly process: ChildProcessByStdio<Writable, Readable, Readable>
  /** What it has written so far. */
  stdout(): string
  stderr(): string
  /** Resolves when it is gone: its exit code, or the signal that ended it. */
  readonly exited: Promise<number | NodeJS.Signals | null>
}

export function child(
  script: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Child {
  const node = ['--conditions=@aether/source', '--import', 'tsx', script, ...args]
  const started = spawn(process.execPath, node, {
    env: { ...process.env, ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  let stdout = ''
  let stderr = ''
  started.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  started.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const exited = new Promise<number | NodeJS.Signals | null>((resolve) => {
    started.once('close', (code, signal) => resolve(code ?? signal))
  })
  onTestFinished(async () => {
    started.kill('SIGKILL')
    await exited
  })
  return { process: started, stdout: () => stdout, stderr: () => stderr, exited }
}

const here = import.meta.dirname

export interface BrokerChild extends Child {
  readonly port: number
}

export async function brokerChild(port = 0): Promise<BrokerChild> {
  const started = child(`${here}/fixtures/broker.ts`, [String(port)])
  const line = await until(() => /^(\d+)\n/.exec(started.stdout())?.[1], {
    what: () => `the broker to listen: ${started.stderr()}`,
    timeoutMs: 30_000,
  })
  return { ...started, port: Number(line) }
}

export interface WorkerChild extends Child {
  /** Its HTTP address. */
  readonly url: string
  readonly log: () => LogLine[]
}

export interface LogLine {
  readonly level: number
  readonly msg: string
  readonly [field: string]: unknown
}

export interface WorkerChildOptions {
  readonly port: number
  readonly handlers: readonly unknown[]
  readonly env?: Readonly<Record<string, string>>
}

/** Starts the service without waiting for anything. */
export function startWorker({ port, handlers, env = {} }: WorkerChildOptions): Child {
  return child(`${here}/../src/main.ts`, [], {
    AETHER_URL: `tcp://127.0.0.1:${port}`,
    AETHER_UNION: 'test',
    AETHER_HTTP_PORT: '0',
    AETHER_HANDLERS: JSON.stringify(handlers),
    ...env,
  })
}

export async function readyWorker(options: WorkerChildOptions): Promise<WorkerChild> {
  const started = startWorker(options)
  const log = (): LogLine[] => logLines(started)
  const ready = await until(() => log().find((line) => line.msg === 'ready'), {
    what: () => `a worker that is ready: ${started.stdout()}${started.stderr()}`,
    timeoutMs: 30_000,
  })
  return { ...started, log, url: String(ready['http']) }
}

export function logLines(started: Child): LogLine[] {
  const lines = started.stdout().split('\n').slice(0, -1)
  return lines.map((line) => JSON.parse(line) as LogLine)
}

/** The status and body of an endpoint. */
export async function get(url: string): Promise<{ readonly status: number; readonly body: string }> {
  const response = await fetch(url)
  return { status: response.status, body: await response.text() }
}
