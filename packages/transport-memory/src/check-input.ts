import { AetherError, checkName } from '@aether/core'
import type { CodecName, EventFilter, TaskMessage } from '@aether/core'

const codecs: ReadonlySet<string> = new Set<CodecName>(['json', 'msgpack', 'raw'])

/** Refuses what no engine could hold, apart from the route. `ERR_AETHER_NAME_INVALID`, `ERR_AETHER_OPTIONS_INVALID`. */
export function checkTask(task: TaskMessage): void {
  checkName('tid', task.tid)
  checkName('workgroup', task.workgroup)
  const { attempts, priority, delayMs, ttlMs, deadline, body, codec } = task
  if (!(Number.isSafeInteger(attempts) && attempts >= 1))
    throw invalid('attempts', 'an integer of 1 or more', attempts)
  if (!(Number.isSafeInteger(priority) && priority >= 0 && priority <= 9))
    throw invalid('priority', 'an integer from 0 to 9', priority)
  if (!(Number.isFinite(delayMs) && delayMs >= 0)) throw invalid('delayMs', '0 or more milliseconds', delayMs)
  if (!(Number.isFinite(ttlMs) && ttlMs >= 0)) throw invalid('ttlMs', '0 or more milliseconds', ttlMs)
  if (!Number.isFinite(deadline)) throw invalid('deadline', 'epoch milliseconds', deadline)
  if (!(body instanceof Uint8Array)) throw invalid('body', 'a Uint8Array', typeof body)
  if (!codecs.has(codec)) throw invalid('codec', [...codecs].join(', '), codec)
}

/** Refuses a filter with a level that is neither a name nor `+`. `ERR_AETHER_NAME_INVALID`. */
export function checkFilter(filter: EventFilter): EventFilter {
  for (const level of ['job', 'task', 'context', 'tid'] as const) {
    const value = filter[level]
    if (value !== undefined && value !== '+') checkName(level, value)
  }
  return filter
}

function invalid(field: string, expected: string, got: unknown): AetherError {
  return new AetherError(
    'ERR_AETHER_OPTIONS_INVALID',
    `task ${field} must be ${expected}, not ${String(got)}`,
    {
      detail: { field },
    },
  )
}
