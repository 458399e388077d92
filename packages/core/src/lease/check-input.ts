import { defaultPriority } from '../define/default-priority.ts'
import { AetherError } from '../errors.ts'
import { checkName } from '../topic/names.ts'
import { checkRoute } from '../topic/topic.ts'
import type { AetherEvent, CodecName, ConsumeOptions, EventFilter, Route, TaskMessage } from '../transport.ts'

const codecs: ReadonlySet<string> = new Set<CodecName>(['json', 'msgpack', 'raw'])

/** `ERR_AETHER_NAME_INVALID`, `ERR_AETHER_OPTIONS_INVALID`, `ERR_AETHER_CAPABILITY_UNSUPPORTED`. */
export function checkTask(task: TaskMessage): void {
  const { route, tid, workgroup, attempts, priority, delayMs, ttlMs, deadline, body, codec } = task
  checkRoute(route)
  checkName('tid', tid)
  checkName('workgroup', workgroup)
  if (!Number.isSafeInteger(attempts) || attempts < 1)
    throw invalid('attempts', 'a whole number of 1 or more', attempts)
  if (!Number.isSafeInteger(priority) || priority < 0 || priority > 9)
    throw invalid('priority', 'a whole number from 0 to 9', priority)
  if (!isDuration(delayMs)) throw invalid('delayMs', '0 or more milliseconds', delayMs)
  if (!isDuration(ttlMs)) throw invalid('ttlMs', '0 or more milliseconds', ttlMs)
  if (!Number.isFinite(deadline)) throw invalid('deadline', 'epoch milliseconds', deadline)
  if (!(body instanceof Uint8Array)) throw invalid('body', 'a Uint8Array', typeof body)
  if (!codecs.has(codec)) throw invalid('codec', [...codecs].join(', '), codec)
  if (priority !== defaultPriority) {
    const message = `priority ${priority}: this engine has none, leave it at ${defaultPriority}`
    throw new AetherError('ERR_AETHER_CAPABILITY_UNSUPPORTED', message, {
      detail: { capability: 'priority' },
    })
  }
}

/** `ERR_AETHER_NAME_INVALID`, `ERR_AETHER_OPTIONS_INVALID`. */
export function checkConsume(route: Route, { workgroup, credit, leaseMs, pool }: ConsumeOptions): void {
  checkRoute(route, { wildcards: true })
  checkName('workgroup', workgroup)
  if (!Number.isSafeInteger(credit) || credit < 1)
    throw invalid('credit', 'a whole number of 1 or more', credit)
  if (!Number.isFinite(leaseMs) || leaseMs < 1) throw invalid('leaseMs', '1 or more milliseconds', leaseMs)
  if (!pool) return
  if (typeof pool.id !== 'string' || pool.id === '') throw invalid('pool.id', 'a text', pool.id)
  if (!Number.isSafeInteger(pool.credit) || pool.credit < 1)
    throw invalid('pool.credit', 'a whole number of 1 or more', pool.credit)
}

/** `ERR_AETHER_NAME_INVALID`. */
export function checkFilter(filter: EventFilter): void {
  for (const level of ['job', 'task', 'context', 'tid'] as const) {
    const value = filter[level]
    if (value !== undefined && value !== '+') checkName(level, value)
  }
}

/** `ERR_AETHER_NAME_INVALID`. */
export function checkEvent(event: AetherEvent): void {
  checkRoute(event.route)
  checkName('tid', event.tid)
}

/** `ERR_AETHER_PAYLOAD_TOO_LARGE`: nothing was sent. */
export function checkSize(body: Uint8Array | undefined, maxBytes: number): void {
  if (body === undefined || body.byteLength <= maxBytes) return
  const message = `a body of ${body.byteLength} bytes is over the limit of ${maxBytes}`
  throw new AetherError('ERR_AETHER_PAYLOAD_TOO_LARGE', message, {
    detail: { bytes: body.byteLength, maxBytes },
  })
}

function isDuration(value: unknown): boolean {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0
}

function invalid(field: string, expected: string, got: unknown): AetherError {
  const message = `${field} must be ${expected}, not ${String(got)}`
  return new AetherError('ERR_AETHER_OPTIONS_INVALID', message, { detail: { field } })
}
