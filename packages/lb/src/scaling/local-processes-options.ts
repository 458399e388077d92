import type { BackendOptions } from '../backends/backend.ts'
import { checkFields, checkMs, checkText, checkTexts } from '../check-options.ts'
import { invalidOption } from '../errors.ts'
import { httpProbe, type HttpProbeOptions } from '../health/http-probe.ts'
import type { Probe } from '../health/probe.ts'
import { tcpProbe } from '../health/tcp-probe.ts'
import { checkLogger, type Logger } from '../logger.ts'
import type { ManagedProcessOptions } from './managed-process.ts'

/** Which program is started, and how long it may take to start and to stop. */
export interface LocalProcessesOptions {
  /** The program; it must listen on `127.0.0.1` at the port that it is given. */
  readonly command: string
  /** `{port}` in them becomes the port. @default [] */
  readonly args?: readonly string[]
  /** `PORT` is added. @default the environment of this process */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** @default that of this process */
  readonly cwd?: string
  /** Begins the ids of its backends: `process-1`. @default 'process' */
  readonly name?: string
  /** What shows that a process is ready: a connection, or a good answer over HTTP. @default 'tcp' */
  readonly ready?: 'tcp' | 'http' | HttpProbeOptions
  /** How long a process may take until it is ready. @default 10_000 */
  readonly startTimeoutMs?: number
  /** How long one that stops may take for its requests, and then again to end, before it is killed. @default 10_000 */
  readonly stopTimeoutMs?: number
  /** The pause before one that ended by itself is started anew; each end soon after another doubles it. @default 500 */
  readonly restartMs?: number
  /** The longest such pause; a process that ran for this long begins at the shortest again. @default 30_000 */
  readonly maxRestartMs?: number
  /** What its backends are like: weight, zone, group and so on. */
  readonly backend?: Omit<BackendOptions, 'id' | 'host' | 'port'>
  /** Told what starts, and what ends by itself. */
  readonly logger?: Logger
}

export type CheckedLocalProcesses = Required<Omit<LocalProcessesOptions, 'env' | 'cwd' | 'ready'>> &
  ManagedProcessOptions

const names = [
  'command',
  'args',
  'env',
  'cwd',
  'name',
  'ready',
  'startTimeoutMs',
  'stopTimeoutMs',
  'restartMs',
  'maxRestartMs',
  'backend',
  'logger',
]

export function checkLocalProcesses(options: LocalProcessesOptions): CheckedLocalProcesses {
  checkFields(options, 'localProcesses', names)
  const restartMs = checkMs(options.restartMs ?? 500, 'restartMs')
  const maxRestartMs = checkMs(options.maxRestartMs ?? Math.max(30_000, restartMs), 'maxRestartMs')
  if (maxRestartMs < restartMs)
    throw invalidOption(`maxRestartMs (${maxRestartMs}) is less than restartMs (${restartMs})`)
  return {
    command: checkText(options.command, 'command'),
    args: checkTexts(options.args ?? [], 'args'),
    env: options.env && { ...options.env },
    cwd: options.cwd === undefined ? undefined : checkText(options.cwd, 'cwd'),
    name: checkText(options.name ?? 'process', 'name'),
    ready: probeOf(options.ready ?? 'tcp'),
    startTimeoutMs: checkMs(options.startTimeoutMs ?? 10_000, 'startTimeoutMs'),
    stopTimeoutMs: checkMs(options.stopTimeoutMs ?? 10_000, 'stopTimeoutMs'),
    restartMs,
    maxRestartMs,
    backend: { ...options.backend },
    logger: checkLogger(options.logger),
  }
}

function probeOf(ready: NonNullable<LocalProcessesOptions['ready']>): Probe {
  if (ready === 'tcp') return tcpProbe()
  return httpProbe(ready === 'http' ? {} : ready)
}
