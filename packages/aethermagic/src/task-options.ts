import { checkName } from '@aether/core'
import type { AetherMagic } from './aether-magic.ts'
import type { AetherTask } from './aether-task.ts'
import { checkFunction, checkKeys, optionInvalid } from './errors.ts'

/**
 * One kind of task, as the Python library has it. `Data` is what `perform` takes and `on_perform` gets: it follows from how `on_perform` is written down, and nobody checks it.
 */
export interface AetherTaskOptions<Data = unknown> {
  readonly job: string
  readonly task: string
  /** @default 'x' */
  readonly context?: string | undefined
  /** @default that of the AetherMagic */
  readonly workgroup?: string | undefined
  /** Seconds until a performed task ends as failed, wherever it is by then. @default 86400, a day */
  readonly timeout?: number | undefined
  /** How many workers it may cost: one that dies or loses its connection is followed by another. @default 3 */
  readonly attempts?: number | undefined
  /** Works on a task; `task` is the one in hand. Ends it by `task.complete`, or by returning (as succeeded, with what it returned), or by throwing (as failed). */
  readonly on_perform?: ((task: AetherTask, data: Data) => unknown) | undefined
  /** Each sign of life of a task performed here, the last one with `complete`. */
  on_status?(task: AetherTask, complete: boolean, succeed: boolean, progress: number, data: unknown): unknown
  /** The end of a task performed here. Where it failed, `data` is what the worker said, or the error's text. */
  on_complete?(task: AetherTask, succeed: boolean, data: unknown): unknown
  /** It was cancelled: told to who performed it in place of `on_complete`, and to a worker while it works on it. */
  on_cancel?(task: AetherTask, reason: string): unknown
}

/** An `AetherTask` on its own says which connection it is on; those of `aethermagic(…)` find it by their channel. */
export interface OwnTaskOptions<Data = unknown> extends AetherTaskOptions<Data> {
  readonly aether: AetherMagic
}

export const taskKeys: readonly (keyof OwnTaskOptions)[] = [
  'aether',
  'job',
  'task',
  'context',
  'workgroup',
  'timeout',
  'attempts',
  'on_perform',
  'on_status',
  'on_complete',
  'on_cancel',
]

const where = 'AetherTask'
const known: ReadonlySet<string> = new Set(taskKeys)
const callbacks = ['on_perform', 'on_status', 'on_complete', 'on_cancel'] as const

/** A day: Python has no end at all, and every wait here has one. */
const defaultTimeout = 86_400
/** A year. */
const longestTimeout = 31_536_000

/** Checks what core does not see at once; throws `ERR_AETHER_OPTIONS_INVALID` and `ERR_AETHER_NAME_INVALID`. */
export function checkTaskOptions(options: OwnTaskOptions): {
  readonly context: string
  readonly deadlineMs: number
} {
  checkKeys(where, options, known)
  for (const name of callbacks) {
    if (options[name] !== undefined) checkFunction(where, name, options[name])
  }
  if (typeof options.aether?.main !== 'function')
    throw optionInvalid(where, 'aether', 'an AetherMagic', options.aether)
  if (options.workgroup !== undefined) checkName('workgroup', options.workgroup)
  return {
    context: checkName('context', options.context ?? 'x'),
    deadlineMs: Math.ceil(checkTimeout(options.timeout ?? defaultTimeout) * 1_000),
  }
}

function checkTimeout(timeout: unknown): number {
  if (typeof timeout === 'number' && timeout >= 0.001 && timeout <= longestTimeout) return timeout
  throw optionInvalid(where, 'timeout', `seconds from 0.001 to ${longestTimeout}`, timeout)
}
